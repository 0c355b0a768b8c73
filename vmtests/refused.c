// SPDX-License-Identifier: Apache-2.0
//
// Has another process make system calls that it should not be able to make: refused PID. Each is
// made by a child of this program, too, which may: so a call that the kernel refuses to anybody
// proves nothing and is said to. Prints a line for each; exit 0 = all are refused to PID alone.
// Nothing is changed by any of them: what they are given makes them fail where they are allowed.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __x86_64__
#error "knows the registers of x86-64 only"
#endif

struct call {
    const char* name;
    long number;
    long arguments[6];
    int error;  // where it is refused
};

static const struct call calls[] = {
    {"execve", SYS_execve, {0}, EPERM},
    {"execveat", SYS_execveat, {-1}, EPERM},
    {"fork", SYS_clone, {SIGCHLD | CLONE_SIGHAND}, EPERM},
    {"clone into a namespace", SYS_clone, {CLONE_NEWNS | CLONE_FS}, EPERM},
    {"clone3", SYS_clone3, {0}, ENOSYS},
    {"ptrace", SYS_ptrace, {PTRACE_ATTACH, 0}, EPERM},
    {"process_vm_readv", SYS_process_vm_readv, {0}, EPERM},
    {"process_vm_writev", SYS_process_vm_writev, {0}, EPERM},
    {"kill", SYS_kill, {1, 0}, EPERM},
    {"tgkill of another", SYS_tgkill, {1, 1, 0}, EPERM},
    {"unshare", SYS_unshare, {0}, EPERM},
    {"setns", SYS_setns, {-1}, EPERM},
    {"mount", SYS_mount, {0}, EPERM},
    {"umount2", SYS_umount2, {0}, EPERM},
    {"pivot_root", SYS_pivot_root, {0}, EPERM},
    {"chroot", SYS_chroot, {0}, EPERM},
    {"open_by_handle_at", SYS_open_by_handle_at, {-1}, EPERM},
    {"init_module", SYS_init_module, {0}, EPERM},
    {"finit_module", SYS_finit_module, {-1, 0, -1}, EPERM},
    {"reboot", SYS_reboot, {0}, EPERM},
    {"bpf, a map", SYS_bpf, {BPF_MAP_CREATE}, EPERM},
    {"bpf, a program", SYS_bpf, {BPF_PROG_LOAD}, EPERM},
    {"bpf, a map's element", SYS_bpf, {BPF_MAP_UPDATE_ELEM}, EPERM},
    {"bpf, a link", SYS_bpf, {BPF_LINK_CREATE}, EPERM},
    {"perf_event_open", SYS_perf_event_open, {0}, EPERM},
    {"setuid", SYS_setuid, {-1}, EPERM},
    {"setgroups", SYS_setgroups, {-1}, EPERM},
    {"capset", SYS_capset, {0}, EPERM},
    {"prctl", SYS_prctl, {-1}, EPERM},
    {"prlimit64, a limit", SYS_prlimit64, {0, 0, 1}, EPERM},
    {"chmod", SYS_chmod, {0}, EPERM},
    {"chown", SYS_chown, {0}, EPERM},
    {"mknod", SYS_mknod, {0}, EPERM},
    {"symlink", SYS_symlink, {0}, EPERM},
    {"link", SYS_link, {0}, EPERM},
    {"setxattr", SYS_setxattr, {0}, EPERM},
    {"settimeofday", SYS_settimeofday, {0}, EPERM},
    {"sethostname", SYS_sethostname, {0, -1}, EPERM},
    {"swapon", SYS_swapon, {0}, EPERM},
    {"personality", SYS_personality, {-1}, EPERM},
    {"ioctl, typing", SYS_ioctl, {-1, TIOCSTI}, EPERM},
    {"socket, packets", SYS_socket, {AF_PACKET, -1}, EPERM},
    {"mmap, written and run", SYS_mmap, {0, 0, PROT_WRITE | PROT_EXEC}, EPERM},
    {"mprotect, to be run", SYS_mprotect, {1, 0, PROT_EXEC}, EPERM},
};

static void die(const char* what) {
    fprintf(stderr, "refused: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void rest(void) {
    const struct timespec time = {.tv_nsec = 1000000};
    nanosleep(&time, NULL);
}

static void await_stop(pid_t pid) {
    int status = 0;
    if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) die("wait for it to stop");
}

// Stops it where it made a system call, which an instruction of two bytes does.
static struct user_regs_struct stop(pid_t pid) {
    struct user_regs_struct registers;
    for (int tries = 0; tries < 5000; tries++) {
        if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0) die("interrupt it");
        await_stop(pid);
        if (ptrace(PTRACE_GETREGS, pid, 0, &registers) != 0) die("read its registers");
        const long word = ptrace(PTRACE_PEEKTEXT, pid, registers.rip - 2, 0);
        if ((long)registers.orig_rax >= 0 && (word & 0xFFFF) == 0x050F) return registers;
        if (ptrace(PTRACE_CONT, pid, 0, 0) != 0) die("let it go on");
        rest();
    }
    die("find it in a system call");
    exit(2);
}

// 0, or the error.
static int make(pid_t pid, const struct user_regs_struct* at, const struct call* call) {
    struct user_regs_struct registers = *at;
    registers.rip -= 2;
    registers.orig_rax = (unsigned long long)-1;
    registers.rax = (unsigned long long)call->number;
    registers.rdi = (unsigned long long)call->arguments[0];
    registers.rsi = (unsigned long long)call->arguments[1];
    registers.rdx = (unsigned long long)call->arguments[2];
    registers.r10 = (unsigned long long)call->arguments[3];
    registers.r8 = (unsigned long long)call->arguments[4];
    registers.r9 = (unsigned long long)call->arguments[5];
    if (ptrace(PTRACE_SETREGS, pid, 0, &registers) != 0) die("write its registers");
    if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0) die("let it take a step");
    await_stop(pid);
    if (ptrace(PTRACE_GETREGS, pid, 0, &registers) != 0) die("read its registers");
    const long result = (long)registers.rax;
    return result < 0 && result >= -4095 ? (int)-result : 0;
}

static const char* word_of(int error) {
    return error == 0 ? "done" : strerrorname_np(error);
}

int main(int count, char** arguments) {
    const pid_t pid = count == 2 ? atoi(arguments[1]) : 0;
    if (pid <= 0) {
        fprintf(stderr, "usage: refused PID\n");
        return 2;
    }
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        for (;;)
            pause();
    }
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0 || ptrace(PTRACE_SEIZE, child, 0, 0) != 0)
        die("trace it");
    struct user_regs_struct confined = stop(pid);
    const struct user_regs_struct free = stop(child);
    int wrong = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const int refused = make(pid, &confined, &calls[i]);
        const int allowed = make(child, &free, &calls[i]);
        const int good = refused == calls[i].error && allowed != calls[i].error;
        wrong += !good;
        printf("%s %s: %s, elsewhere %s\n", good ? "refused" : "WRONG", calls[i].name,
               word_of(refused), word_of(allowed));
    }
    // It makes its own call again.
    confined.rip -= 2;
    confined.rax = confined.orig_rax;
    confined.orig_rax = (unsigned long long)-1;
    if (ptrace(PTRACE_SETREGS, pid, 0, &confined) != 0) die("restore its registers");
    if (ptrace(PTRACE_DETACH, pid, 0, 0) != 0) die("let it go");
    kill(child, SIGKILL);
    return wrong != 0;
}
