// SPDX-License-Identifier: Apache-2.0
#include "app/system_calls.hpp"

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nstrail {

namespace {

// gcc says it by macros, clang by features.
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

// By name: which of them there are depends on the machine.
constexpr const char* plain[] = {
    // Files: recordings, /proc, cgroups, certificates.
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek",
    "close", "open", "openat", "openat2", "access", "faccessat", "faccessat2", "stat", "lstat",
    "fstat", "newfstatat", "statx", "statfs", "fstatfs", "getdents64", "readlink", "readlinkat",
    "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2",
    "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "flock", "fcntl", "fchmod",
    "umask", "dup", "fadvise64", "getcwd", "copy_file_range", "sendfile",
    // Memory.
    "munmap", "mremap", "madvise", "brk", "msync", "mincore",
    // Threads, signals and time.
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep",
    "gettimeofday", "time", "times", "getrusage", "exit", "exit_group", "gettid", "getpid",
    "getppid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
    "membarrier",
    // Sockets: who asks, where it is shipped to, names of servers.
    "connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt",
    "setsockopt", "sendto", "recvfrom", "sendmsg", "sendmmsg", "recvmsg", "recvmmsg", "shutdown",
    "socketpair", "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "eventfd2", "pipe2",
    // What it is and on what.
    "uname", "sysinfo", "getrandom", "getuid", "geteuid", "getgid", "getegid", "getrlimit",
    "capget"};

constexpr int domains[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

// The last two are NS_GET_MNTNS_ID and NS_GET_ID of newer kernels' headers.
constexpr unsigned long ioctls[] = {TIOCGWINSZ,
                                    TCGETS,
                                    FIONREAD,
                                    FIONBIO,
                                    NS_GET_USERNS,
                                    NS_GET_PARENT,
                                    NS_GET_NSTYPE,
                                    NS_GET_OWNER_UID,
                                    _IOR(NSIO, 0x5, std::uint64_t),
                                    _IOR(NSIO, 0xd, std::uint64_t)};

struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
};

class Allowed {
public:
    Allowed() : filter_(seccomp_init(SCMP_ACT_ERRNO(EPERM))), code_(filter_ ? 0 : -ENOMEM) {}

    void any(const char* name) { rule(SCMP_ACT_ALLOW, name, {}); }
    void only(const char* name, scmp_arg_cmp argument) { rule(SCMP_ACT_ALLOW, name, {argument}); }
    void absent(const char* name) { rule(SCMP_ACT_ERRNO(ENOSYS), name, {}); }
    /// 0, or an errno below zero.
    int load() { return code_ != 0 ? code_ : seccomp_load(filter_.get()); }

private:
    void rule(std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> when) {
        const int call = seccomp_syscall_resolve_name(name);
        if (code_ == 0 && call != __NR_SCMP_ERROR) {
            code_ = seccomp_rule_add_array(filter_.get(), action, call,
                                           static_cast<unsigned>(when.size()), when.begin());
        }
    }

    std::unique_ptr<void, Release> filter_;
    int code_;
};

}  // namespace

Result<void> filter_system_calls(std::span<const int> bpf_commands) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail("set no_new_privs", errno);
    }
    if (sanitized) {
        return {};
    }
    Allowed allowed;
    for (const char* name : plain) {
        allowed.any(name);
    }
    for (const int domain : domains) {
        allowed.only("socket", SCMP_A0_32(SCMP_CMP_EQ, static_cast<unsigned>(domain)));
    }
    for (const int command : bpf_commands) {
        allowed.only("bpf", SCMP_A0_32(SCMP_CMP_EQ, static_cast<unsigned>(command)));
    }
    for (const unsigned long request : ioctls) {
        allowed.only("ioctl", SCMP_A1_32(SCMP_CMP_EQ, static_cast<unsigned>(request)));
    }
    // To abort: no signal to another.
    allowed.only("tgkill", SCMP_A0_32(SCMP_CMP_EQ, static_cast<unsigned>(getpid())));
    allowed.only("prctl", SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));
    // Reading limits, not setting them.
    allowed.only("prlimit64", SCMP_A2_64(SCMP_CMP_EQ, 0));
    // Threads, no new namespaces. What clone3 is asked for no filter can see; without it clone is
    // taken.
    constexpr unsigned long spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                     CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
    constexpr unsigned long thread = CLONE_THREAD;
    allowed.only("clone", SCMP_A0_64(SCMP_CMP_MASKED_EQ, spaces | thread, thread));
    allowed.absent("clone3");
    // Libraries that look up names load others: what is run may be mapped, but not what is written.
    allowed.only("mmap", SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    allowed.only("mmap", SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
    allowed.only("mprotect", SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (const int code = allowed.load(); code != 0) {
        return fail("filter system calls", -code,
                    "needs a kernel with CONFIG_SECCOMP_FILTER=y; --unconfined goes without");
    }
    return {};
}

}  // namespace nstrail
