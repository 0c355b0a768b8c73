// SPDX-License-Identifier: Apache-2.0
#include "source/holders_round.hpp"

#include <cerrno>

#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "source/link.hpp"

namespace nstrail {

namespace {

constexpr long pidfs_magic = 0x50494446;

bool is_pidfs(int fd) {
    struct statfs system{};
    return fstatfs(fd, &system) == 0 && system.f_type == pidfs_magic;
}

}  // namespace

void HoldersRound::tell_mark(nst_mark_what what, const TellMade& tell) const {
    tell_made(tell, nst_mark{.header = {}, .what = static_cast<nst_u32>(what), .round = round_});
}

/// Where pidfds are not files of pidfs (before 6.9), lets the iterator meet one of our own, over
/// our own files alone, so that it knows others. Such an iterator there is since 6.1.
Result<void> HoldersRound::learn_pidfds() {
    const Fd own(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    if (!own) {
        return fail("open one", errno);
    }
    if (is_pidfs(own.get())) {
        return {};
    }
    if (programs_.bss->pidfd_operations != 0) {
        return {};  // whoever had the programs before has learned it
    }
    programs_.bss->learn_tgid = static_cast<std::uint32_t>(getpid());
    programs_.bss->learn_fd = static_cast<std::uint32_t>(own.get());
    programs_.bss->holders_round = 0;
    bpf_iter_link_info over{};
    over.task.tid = static_cast<std::uint32_t>(getpid());
    LIBBPF_OPTS(bpf_iter_attach_opts, options);
    options.link_info = &over;
    options.link_info_len = sizeof(over);
    const Link link(bpf_program__attach_iter(programs_.progs.iter_task_file_iter, &options));
    if (!link) {
        return fail("iterate over the files of one task", errno);
    }
    if (auto started = iterator_.start(link.get()); !started) {
        return started;
    }
    while (iterator_.running()) {
        if (auto stepped = iterator_.step(); !stepped) {
            return stepped;
        }
    }
    if (programs_.bss->pidfd_operations == 0) {
        return fail("find one of our own among our files", "it is not there");
    }
    return {};
}

void HoldersRound::prepare() {
    if (files_ == nullptr) {
        return;
    }
    if (auto learned = learn_pidfds(); !learned) {
        why_no_pidfds_ = learned.error().line();
    }
}

void HoldersRound::begin(const TellMade& tell) {
    round_++;
    tell_mark(NST_mark_what_holders_begin, tell);
    // Until files are read there is nothing to catch up with.
    at_ = At::catching_up;
    files_end_ = 0;
    if (files_ == nullptr) {
        tell_unreadable(round_, "open files, sockets and pidfds of all tasks: " + why_no_files_,
                        tell);
        return;
    }
    if (!why_no_pidfds_.empty()) {
        tell_unreadable(round_, "pidfds of all tasks: " + why_no_pidfds_, tell);
    }
    programs_.bss->holders_round = round_;
    if (auto started = iterator_.start(files_); !started) {
        tell_unreadable(round_, "open files of all tasks: " + started.error().line(), tell);
        return;
    }
    at_ = At::files;
}

void HoldersRound::step(const TellMade& tell) {
    switch (at_) {
        case At::idle:
            break;
        case At::begin:
            begin(tell);
            break;
        case At::files:
            if (auto stepped = iterator_.step(); !stepped) {
                tell_unreadable(round_, "open files of some tasks: " + stepped.error().line(),
                                tell);
            }
            if (!iterator_.running()) {
                // Its records were submitted within our own read(), so they lie before this.
                files_end_ = ring_.produced();
                at_ = At::catching_up;
            }
            break;
        case At::catching_up:
            if (ring_.consumed() >= files_end_) {
                mounts_.emplace(round_, known_);
                at_ = At::mounts;
            }
            break;
        case At::mounts:
            if (!mounts_->step(tell)) {
                mounts_.reset();
                at_ = At::idle;
                tell_mark(NST_mark_what_holders_end, tell);
            }
            break;
    }
}

}  // namespace nstrail
