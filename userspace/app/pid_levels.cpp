// SPDX-License-Identifier: Apache-2.0
#include "app/pid_levels.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/proc_pids.hpp"
#include "base/text.hpp"
#include "model/capability.hpp"

namespace nstrail {

namespace {

std::string task_words(std::uint32_t tid, std::string_view comm) {
    return fmt::format("tid {} ({})", tid, printable(comm));
}

/// Of each level the numbers that tasks of the view have, and those that /proc shows.
std::vector<NumberUsers> users_of(const View& view, const std::vector<PidLevel>& levels) {
    std::vector<std::uint32_t> chain;
    chain.reserve(levels.size());
    for (const PidLevel& level : levels) {
        chain.push_back(level.pid_namespace);
    }
    std::vector<NumberUsers> users = numbers_in_use(chain);
    for (const Task& task : view.tasks()) {
        for (const nst_pid_nr& one : task.vpids()) {
            if (const auto at = std::ranges::find(chain, one.pid_namespace); at != chain.end()) {
                users[static_cast<std::size_t>(at - chain.begin())].insert_or_assign(
                    one.nr, task_words(task.tid(), task.comm()));
            }
        }
    }
    return users;
}

void add_use(PidLevel& level, NumberUsers users) {
    // A number may be in use by something that neither tells: the kernel's count shows whether.
    const bool all = level.used && users.size() >= *level.used;
    level.use = [users = std::move(users), all](std::uint32_t number) -> NumberUse {
        if (const auto at = users.find(number); at != users.end()) {
            return {.state = NumberUse::State::taken, .by = at->second};
        }
        return {.state = all ? NumberUse::State::free : NumberUse::State::unknown, .by = {}};
    };
}

std::string comm_of(std::uint32_t tid) {
    std::string comm;
    std::ifstream file(fmt::format("/proc/{}/comm", tid));
    std::getline(file, comm);
    return comm;
}

PidLevel read_level(const Namespace& ns) {
    const NsRecord& record = ns.record();
    PidLevel level;
    level.pid_namespace = record.inum;
    if (record.owner != 0) {
        level.owner = record.owner;
    }
    if (record.last_pid_known) {
        level.last_pid = record.last_pid;
    }
    if (record.pid_max != 0) {
        level.pid_max = record.pid_max;
    }
    if (record.pids_used_known) {
        level.used = record.pids_used;
        level.adding = !record.dying;
        // Of a dead namespace the pointer leads to a task that is gone, and 0 says nothing.
        if (record.told_reaper != 0 || *level.adding) {
            level.has_reaper = record.told_reaper != 0;
        }
        // Some kernels do not tell the init of the host to the task iterator.
        if (record.told_reaper != 0 && *level.adding) {
            level.reaper = task_words(record.told_reaper, comm_of(record.told_reaper));
        }
    }
    if (const auto reaper = ns.reaper()) {
        level.reaper = task_words(reaper->tid(), reaper->comm());
    }
    return level;
}

std::optional<bool> capable_over(const View& view, std::optional<std::uint32_t> owner) {
    const auto own = own_credentials();
    if (!own || !owner) {
        return std::nullopt;
    }
    return checkpoint_restore_ns_capable(
        *own, *owner, [&](std::uint32_t inum) -> std::optional<UserNsFacts> {
            const auto ns = view.ns(inum);
            // The model's uids are the initial namespace's, ours those of our own.
            if (!ns || ns->type() != NST_ns_type_user || own->user_ns != initial_user_inum ||
                (ns->record().parent == 0 && inum != initial_user_inum)) {
                return std::nullopt;
            }
            return UserNsFacts{.parent = ns->record().parent,
                               .owner_uid = ns->record().creator_uid};
        });
}

/// The user namespaces from `ns` outwards, as far as the caller's own.
void learn_user_chain(NsFile ns, std::map<std::uint32_t, UserNsFacts>& facts) {
    while (!facts.contains(ns.inum)) {
        uid_t owner = 0;
        auto parent = parent_namespace(ns);
        if (!parent || ioctl(ns.fd.get(), NS_GET_OWNER_UID, &owner) != 0) {
            return;
        }
        facts[ns.inum] = {.parent = parent->inum, .owner_uid = owner};
        ns = std::move(*parent);
    }
}

}  // namespace

Result<std::vector<PidLevel>> read_levels(const View& view, std::uint32_t inum, bool numbers) {
    std::vector<PidLevel> levels;
    for (std::uint32_t next = inum; next != 0;) {
        const auto ns = view.ns(next);
        if (!ns || ns->type() != NST_ns_type_pid || levels.size() > NST_MAX_LEVELS) {
            return fail(fmt::format("find the pid namespace {}", inum),
                        next == inum ? "no task of this host is in it, or in one below it"
                                     : fmt::format("its ancestor {} is not known", next),
                        "nstrail tree --type pid lists them");
        }
        levels.push_back(read_level(*ns));
        next = ns->record().parent;
    }
    if (levels.back().pid_namespace != initial_pid_inum) {
        return fail(fmt::format("find the pid namespace {}", inum), "its ancestors are not known");
    }
    const auto one_max = pid_max_is_global() == true ? own_pid_max() : std::nullopt;
    for (PidLevel& level : levels) {
        level.level = static_cast<std::uint32_t>(&levels.back() - &level);
        if (!level.pid_max) {
            level.pid_max = one_max;
        }
        level.capable = capable_over(view, level.owner);
    }
    levels.back().pid_max = own_pid_max();
    if (numbers) {
        std::vector<NumberUsers> users = users_of(view, levels);
        for (std::size_t i = 0; i < levels.size(); i++) {
            add_use(levels[i], std::move(users[i]));
        }
    }
    return levels;
}

Result<NsFile> open_by_inum(const View& view, std::uint32_t inum) {
    for (const Task& task : view.tasks()) {
        for (const Slot slot : {Slot::pid, Slot::pid_for_children}) {
            if (task.ns()[slot] != inum) {
                continue;
            }
            auto file = open_namespace(fmt::format("/proc/{}/ns/{}", task.tid(), slot_name(slot)),
                                       CLONE_NEWPID);
            if (file && file->inum == inum) {
                return file;
            }
        }
    }
    return fail(fmt::format("open the pid namespace {}", inum), "no task is in it any more",
                "if something else holds it, name that file");
}

OwnLevels read_own_levels() {
    OwnLevels out;
    auto file = open_namespace("/proc/self/ns/pid_for_children", CLONE_NEWPID);
    if (!file) {
        // The kernel does not show a namespace that has no init (pidns_for_children_get()).
        PidLevel level;
        if (access("/proc/self/ns/pid", F_OK) == 0) {
            level.has_reaper = false;
        }
        out.levels.push_back(std::move(level));
        return out;
    }
    const std::vector<NsFile> chain = with_ancestors(std::move(*file));
    out.complete = chain.back().inum == initial_pid_inum;
    const auto own = own_credentials();
    const auto one_max = pid_max_is_global() == true ? own_pid_max() : std::nullopt;
    std::map<std::uint32_t, UserNsFacts> users;
    std::vector<std::uint32_t> inums;
    for (const NsFile& ns : chain) {
        PidLevel level;
        level.pid_namespace = ns.inum;
        level.pid_max = one_max;
        level.has_reaper = true;  // or it would not be shown
        if (auto owner = owning_namespace(ns); own && owner) {
            level.owner = owner->inum;
            learn_user_chain(std::move(*owner), users);
            level.capable = checkpoint_restore_ns_capable(
                *own, *level.owner, [&](std::uint32_t inum) -> std::optional<UserNsFacts> {
                    const auto at = users.find(inum);
                    return at == users.end() ? std::nullopt : std::optional(at->second);
                });
        } else if (own && owner.error() == EPERM) {
            // Its owner is not below our user namespace, and that is where capabilities reach.
            level.capable = false;
        }
        if (out.complete) {
            level.level = static_cast<std::uint32_t>(&chain.back() - &ns);
        }
        inums.push_back(ns.inum);
        out.levels.push_back(std::move(level));
    }
    out.levels.back().pid_max = own_pid_max();
    std::vector<NumberUsers> taken = numbers_in_use(inums);
    for (std::size_t i = 0; i < inums.size(); i++) {
        add_use(out.levels[i], std::move(taken[i]));
    }
    return out;
}

}  // namespace nstrail
