// SPDX-License-Identifier: Apache-2.0
#include "source/nsfs.hpp"

#include <algorithm>

#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.hpp"

// Newer than the headers of Debian 12.
#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(NSIO, 0x5, __u64)
#endif
#ifndef NS_GET_ID
#define NS_GET_ID _IOR(NSIO, 13, __u64)
#endif

namespace nstrail {

namespace {

constexpr long nsfs_magic = 0x6e736673;

NsType type_of(int fd) {
    switch (ioctl(fd, NS_GET_NSTYPE)) {
        case CLONE_NEWNS:
            return NST_ns_type_mnt;
        case CLONE_NEWUTS:
            return NST_ns_type_uts;
        case CLONE_NEWIPC:
            return NST_ns_type_ipc;
        case CLONE_NEWPID:
            return NST_ns_type_pid;
        case CLONE_NEWNET:
            return NST_ns_type_net;
        case CLONE_NEWCGROUP:
            return NST_ns_type_cgroup;
        case CLONE_NEWTIME:
            return NST_ns_type_time;
        case CLONE_NEWUSER:
            return NST_ns_type_user;
        default:
            return NST_ns_type_none;
    }
}

std::uint64_t id_of(int fd, NsType type) {
    std::uint64_t id = 0;
    if (ioctl(fd, NS_GET_ID, &id) == 0) {
        return id;
    }
    return type == NST_ns_type_mnt && ioctl(fd, NS_GET_MNTNS_ID, &id) == 0 ? id : 0;
}

/// How many parents there are above, as far as this process may see them.
std::uint32_t level_of(int fd) {
    std::uint32_t level = 0;
    Fd at(ioctl(fd, NS_GET_PARENT));
    for (; at && level <= NST_MAX_LEVELS; level++) {
        at = Fd(ioctl(at.get(), NS_GET_PARENT));
    }
    return level;
}

}  // namespace

bool is_nsfs(int fd) {
    struct statfs system{};
    return fstatfs(fd, &system) == 0 && system.f_type == nsfs_magic;
}

std::uint32_t inum_of(int fd) {
    struct stat status{};
    return fd >= 0 && fstat(fd, &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

std::vector<nst_namespace> facts_of(int fd, std::uint32_t round,
                                    const std::function<bool(std::uint32_t)>& known) {
    std::vector<nst_namespace> facts;
    std::vector<Fd> above;  // parents and owners still to be told
    const auto told = [&](std::uint32_t inum) {
        return inum == 0 || known(inum) ||
               std::ranges::find(facts, inum, &nst_namespace::inum) != facts.end();
    };
    const auto tell = [&](int file) {
        nst_namespace event{};
        event.header.kind = NST_KIND_namespace;
        event.inum = inum_of(file);
        event.type = type_of(file);
        event.round = round;
        event.id = id_of(file, static_cast<NsType>(event.type));
        Fd owner(ioctl(file, NS_GET_USERNS));
        event.owner = inum_of(owner.get());
        if (event.type == NST_ns_type_pid || event.type == NST_ns_type_user) {
            Fd parent(ioctl(file, NS_GET_PARENT));
            event.parent = inum_of(parent.get());
            event.level = level_of(file);
            above.push_back(std::move(parent));
        }
        if (event.type == NST_ns_type_user) {
            ioctl(file, NS_GET_OWNER_UID, &event.creator_uid);
        }
        above.push_back(std::move(owner));
        facts.push_back(event);
    };
    if (!told(inum_of(fd))) {
        tell(fd);
    }
    while (!above.empty()) {
        const Fd next = std::move(above.back());
        above.pop_back();
        if (!told(inum_of(next.get()))) {
            tell(next.get());
        }
    }
    return facts;
}

}  // namespace nstrail
