// SPDX-License-Identifier: Apache-2.0
#include "source/holders.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "source/nsfs.hpp"

namespace nstrail {

namespace {

// At a few microseconds each a step takes under a millisecond.
constexpr std::size_t tasks_per_step = 128;
// So many tasks may end before the mount table of their namespace was read.
constexpr std::size_t most_viewers = 4;

std::uint32_t number_of(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? number : 0;
}

/// inum of a task's mount namespace; 0 with errno. By the text of the link: to follow it makes an
/// inode of nsfs each time, which takes twice as long.
std::uint32_t mnt_of(std::uint32_t tid) {
    char link[32];
    errno = 0;
    const ssize_t got = readlink(fmt::format("/proc/{}/ns/mnt", tid).c_str(), link, sizeof(link));
    const auto name = parse_ns_name({link, got > 0 ? static_cast<std::size_t>(got) : 0});
    return name ? name->inum : 0;
}

bool root_is_whole(std::uint32_t tid) {
    char path[2];
    return readlink(fmt::format("/proc/{}/root", tid).c_str(), path, sizeof(path)) == 1;
}

/// /proc/TID/mountinfo, if the task is in that mount namespace still, after it was read.
std::optional<std::string> mount_table(std::uint32_t tid, std::uint32_t mnt) {
    const Fd file(open(fmt::format("/proc/{}/mountinfo", tid).c_str(), O_RDONLY | O_CLOEXEC));
    std::string table;
    std::vector<char> bytes(65536);
    for (;;) {
        const ssize_t got = file ? read(file.get(), bytes.data(), bytes.size()) : -1;
        if (got < 0 && file && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return std::nullopt;
        }
        if (got == 0) {
            break;
        }
        table.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return mnt_of(tid) == mnt ? std::optional(std::move(table)) : std::nullopt;
}

/// The file of a namespace where it is mounted in a task's tree; none if something else is there by
/// now. Nothing is opened before it is known to be what was looked for: opening a device or a pipe
/// may have effects.
Fd open_mount(std::uint32_t tid, const NsMount& mount) {
    const Fd root(
        open(fmt::format("/proc/{}/root", tid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const Fd place(
        static_cast<int>(syscall(SYS_openat2, root.get(), mount.path.c_str(), &how, sizeof(how))));
    if (!place || !is_nsfs(place.get()) || inum_of(place.get()) != mount.inum) {
        return {};
    }
    return Fd(open(fmt::format("/proc/self/fd/{}", place.get()).c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

void KnownNamespaces::take(const Event& event) {
    switch (event.kind()) {
        case NST_KIND_mark:
            if (event.as<nst_mark>().what == NST_mark_what_snapshot_begin) {
                // It tells all that have tasks; what was learned otherwise may be gone by now.
                all_.clear();
                snapshot_round_ = event.as<nst_mark>().round;
            } else if (event.as<nst_mark>().what == NST_mark_what_holders_begin) {
                held_.clear();
            }
            break;
        case NST_KIND_namespace:
            all_.insert(event.as<nst_namespace>().inum);
            break;
        case NST_KIND_inum_free:
            all_.erase(event.as<nst_inum_free>().inum);
            break;
        case NST_KIND_ns_holder:
            if (event.as<nst_ns_holder>().type == NST_ns_type_mnt) {
                held_.insert(event.as<nst_ns_holder>().inum);
            }
            break;
        default:
            break;
    }
}

void tell_unreadable(std::uint32_t round, std::string_view what, const TellMade& tell,
                     std::uint32_t mnt) {
    nst_ns_holder event{};
    event.what = NST_holder_what_unreadable;
    event.mnt = mnt;
    event.round = round;
    copy_text(event.path, what);
    tell_made(tell, event);
}

MountScan::MountScan(std::uint32_t round, const KnownNamespaces& known)
    : round_(round), known_(known), processes_(opendir("/proc")) {
    if (!processes_) {
        no_processes_ = fail("read /proc", errno).error().line();
    }
}

bool MountScan::step(const TellMade& tell) {
    if (processes_ || !waiting_.empty()) {
        scan_tasks();
        return true;
    }
    if (!viewers_.empty()) {
        const auto next = viewers_.extract(viewers_.begin());
        read_table(next.key(), next.mapped(), tell);
        return true;
    }
    tell_rest(tell);
    return false;
}

void MountScan::scan_tasks() {
    for (std::size_t looked = 0; looked < tasks_per_step; looked++) {
        if (!waiting_.empty()) {
            look_at_task(waiting_.back());
            waiting_.pop_back();
            continue;
        }
        const dirent* entry = processes_ ? readdir(processes_.get()) : nullptr;
        if (entry == nullptr) {
            processes_.reset();
            return;
        }
        const std::uint32_t tgid = number_of(entry->d_name);
        if (tgid == 0) {
            continue;
        }
        // A thread may have left the mount namespace of its process.
        const std::unique_ptr<DIR, DirectoryCloser> threads(
            opendir(fmt::format("/proc/{}/task", tgid).c_str()));
        for (const dirent* thread = nullptr;
             threads && (thread = readdir(threads.get())) != nullptr;) {
            if (const std::uint32_t tid = number_of(thread->d_name); tid != 0) {
                waiting_.push_back({.tid = tid, .tgid = tgid});
            }
        }
    }
}

void MountScan::look_at_task(const Viewer& task) {
    const std::uint32_t mnt = mnt_of(task.tid);
    if (mnt == 0) {
        if (errno == EACCES || errno == EPERM) {
            refused_++;
            refusal_ = errno;
        }
        return;  // it has ended, or is about to
    }
    seen_.insert(mnt);
    auto& viewers = viewers_[mnt];
    if (viewers.size() == most_viewers && viewers.back().whole) {
        return;
    }
    Viewer viewer = task;
    viewer.whole = root_is_whole(task.tid);
    // Those that see all come first.
    viewers.insert(viewer.whole ? viewers.begin() : viewers.end(), viewer);
    viewers.resize(std::min(viewers.size(), most_viewers));
}

void MountScan::read_table(std::uint32_t mnt, const std::vector<Viewer>& viewers,
                           const TellMade& tell) {
    for (const Viewer& viewer : viewers) {
        if (const auto table = mount_table(viewer.tid, mnt)) {
            tell_mounts(mnt, viewer, *table, tell);
            if (!viewer.whole) {
                tell_mounts_unreadable(
                    mnt,
                    "its tasks have a root of their own (chroot) and show only the "
                    "mounts below that",
                    tell);
            }
            return;
        }
    }
    tell_mounts_unreadable(mnt, "its tasks ended before their mount table was read", tell);
}

void MountScan::tell_mounts(std::uint32_t mnt, const Viewer& viewer, std::string_view table,
                            const TellMade& tell) {
    while (!table.empty()) {
        const auto end = std::min(table.find('\n'), table.size());
        const auto mount = parse_ns_mount(table.substr(0, end));
        table.remove_prefix(std::min(end + 1, table.size()));
        if (!mount) {
            continue;
        }
        if (!known_.contains(mount->inum)) {
            if (const Fd file = open_mount(viewer.tid, *mount)) {
                const auto known = [&](std::uint32_t inum) { return known_.contains(inum); };
                for (const nst_namespace& facts :
                     facts_of(file.get(), known_.snapshot_round(), known)) {
                    tell_made(tell, facts);
                }
            }
        }
        nst_ns_holder event{};
        event.task.tid = viewer.tid;
        event.task.tgid = viewer.tgid;
        event.type = mount->type;
        event.inum = mount->inum;
        event.what = NST_holder_what_mount;
        event.mnt = mnt;
        event.round = round_;
        copy_text(event.path, mount->path);
        tell_made(tell, event);
    }
}

void MountScan::tell_mounts_unreadable(std::uint32_t mnt, std::string_view why,
                                       const TellMade& tell) const {
    tell_unreadable(round_, fmt::format("the mounts of mount namespace {}: {}", mnt, why), tell,
                    mnt);
}

void MountScan::tell_rest(const TellMade& tell) {
    if (!no_processes_.empty()) {
        tell_unreadable(round_, "the mounts of all tasks: " + no_processes_, tell);
    }
    if (refused_ != 0) {
        tell_unreadable(round_,
                        fmt::format("the mount namespaces of {} tasks: {}", refused_,
                                    fail("", refusal_).error().why),
                        tell);
    }
    // Entering one to look would be seen by everybody who watches, and by this tracer.
    for (const std::uint32_t mnt : known_.held_mount_namespaces()) {
        if (!seen_.contains(mnt)) {
            tell_mounts_unreadable(mnt, "no task is in it that would show them", tell);
        }
    }
}

}  // namespace nstrail
