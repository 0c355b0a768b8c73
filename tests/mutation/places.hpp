// SPDX-License-Identifier: Apache-2.0
// What damages are made of: places in a stream, what was told ahead of them, and edits.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "mutation/damage.hpp"

namespace nstrail::test {

using Places = std::vector<std::size_t>;
using Place = std::optional<std::size_t>;

inline constexpr std::uint32_t first_inum = 0xF0000000;
inline constexpr std::uint32_t no_such_inum = 0xF00FFFFF;
inline constexpr std::uint64_t no_such_key = 0xBAD0;
inline constexpr std::uint64_t all_capabilities = (1ULL << 41) - 1;

// -- What can be done to a stream.

template <class T>
Places where(const Stream& s, auto&& so) {
    Places places;
    for (std::size_t at = s.checked_from() + 1; at < s.size(); at++) {
        if (const T* one = s.get<T>(at); one != nullptr && so(*one)) {
            places.push_back(at);
        }
    }
    return places;
}

template <class T>
Mutant edit(const Stream& s, std::size_t at, bool visible, auto&& how) {
    Mutant mutant{.events = s.buffers(), .visible = visible};
    how(fixed<T>(mutant.events[at]));
    return mutant;
}

inline Mutant drop(const Stream& s, std::size_t at, bool visible) {
    Mutant mutant{.events = s.buffers(), .visible = visible};
    mutant.events.erase(mutant.events.begin() + static_cast<std::ptrdiff_t>(at));
    return mutant;
}

inline Mutant duplicate(const Stream& s, std::size_t at, bool visible = true) {
    Mutant mutant{.events = s.buffers(), .visible = visible};
    const auto here = mutant.events.begin() + static_cast<std::ptrdiff_t>(at);
    mutant.events.insert(here + 1, EventBuffer(*here));
    return mutant;
}

/// The event comes right before the earlier one at `to`, or right after the later one.
inline Mutant move(const Stream& s, std::size_t from, std::size_t to, bool visible) {
    Mutant mutant{.events = s.buffers(), .visible = visible};
    const auto begin = mutant.events.begin();
    const auto at = [&](std::size_t i) { return begin + static_cast<std::ptrdiff_t>(i); };
    if (to < from) {
        std::rotate(at(to), at(from), at(from + 1));
    } else {
        std::rotate(at(from), at(from + 1), at(to + 1));
    }
    return mutant;
}

/// All that tells the numbers of the struct pid allocated there.
void renumber(Mutant& mutant, const Stream& s, std::size_t at, auto&& how) {
    const std::uint64_t key = s[at].as<nst_alloc_pid>().pid_key;
    const auto change = [&](auto numbers) {
        for (std::size_t level = 0; level < numbers.size(); level++) {
            how(level, numbers.size(), numbers[level].pid_namespace, numbers[level].nr);
        }
    };
    change(tail<nst_alloc_pid, nst_pid_request>(mutant.events[at]));
    for (std::size_t i = at + 1; i < s.size(); i++) {
        if (const auto* again = s.get<nst_alloc_pid>(i);
            again != nullptr && again->pid_key == key) {
            return;
        }
        if (const auto* birth = s.get<nst_task_new>(i); birth != nullptr && birth->pid_key == key) {
            change(tail<nst_task_new, nst_pid_nr>(mutant.events[i]));
        }
        if (const auto* end = s.get<nst_free_pid>(i); end != nullptr && end->pid_key == key) {
            change(tail<nst_free_pid, nst_pid_nr>(mutant.events[i]));
        }
    }
}

// -- What the stream tells ahead of a place.

inline Place birth_of(const Stream& s, std::size_t at, std::uint64_t key) {
    return s.before<nst_task_new>(at, [&](const auto& e) { return e.task.key == key; });
}
inline Place end_of(const Stream& s, std::size_t at, std::uint64_t key) {
    return s.after<nst_ns_switch>(at, [&](const auto& e) {
        return e.task.key == key && e.actor_key == key && e.after.nsproxy == 0;
    });
}
/// What its nsproxy is was told: by its birth, or a switch.
inline bool set_told(const Stream& s, std::size_t at, std::uint64_t key) {
    return birth_of(s, at, key) || s.before<nst_ns_switch>(at, [&](const auto& e) {
        return e.task.key == key && e.after.nsproxy != 0;
    });
}
/// It was told of in any way that would have told more, had there been more.
inline bool acted(const Stream& s, std::size_t at, std::uint64_t key) {
    return set_told(s, at, key) ||
           s.before<nst_task_new>(at, [&](const auto& e) { return e.actor.key == key; }) ||
           s.before<nst_task_exec>(at, [&](const auto& e) { return e.task.key == key; }) ||
           s.before<nst_cred_user_ns>(at, [&](const auto& e) { return e.task.key == key; });
}
inline Place allocation_of(const Stream& s, std::size_t at, std::uint64_t pid_key) {
    return s.before<nst_alloc_pid>(
        at, [&](const auto& e) { return e.error == 0 && e.pid_key == pid_key; });
}
inline Place birth_of_inum(const Stream& s, std::size_t at, std::uint32_t inum) {
    const auto born = s.before<nst_inum_alloc>(at, [&](const auto& e) { return e.inum == inum; });
    const auto freed = s.before<nst_inum_free>(
        at, [&](const auto& e) { return e.inum == inum && e.point == NST_hook_point_entry; });
    return inum >= first_inum && born && (!freed || *freed < *born) ? born : std::nullopt;
}
/// Its lineage was told.
inline bool facts_told(const Stream& s, std::size_t at, std::uint32_t inum) {
    const auto told = s.before<nst_namespace>(at, [&](const auto& e) { return e.inum == inum; });
    const auto freed = s.before<nst_inum_free>(at, [&](const auto& e) { return e.inum == inum; });
    return told && (!freed || *freed < *told);
}
inline std::uint32_t initial_pid_ns(const Stream& s) {
    const auto any = s.after<nst_task_seen>(0, [](const auto& e) { return e.task.tid == 1; });
    return s[*any].as<nst_task_seen>().ns.pid;
}
inline std::uint32_t initial_user_ns(const Stream& s) {
    const auto any = s.after<nst_task_seen>(0, [](const auto& e) { return e.task.tid == 1; });
    return s[*any].as<nst_task_seen>().ns.user;
}
inline std::span<const nst_pid_request> numbers_of(const Stream& s, std::size_t at) {
    return s[at].tail<nst_alloc_pid, nst_pid_request>();
}

// -- Events that damage is done to.

inline Places entries(const Stream& s) {
    return where<nst_inum_free>(
        s, [](const auto& e) { return e.point == NST_hook_point_entry && e.inum >= first_inum; });
}
inline Places given(const Stream& s) {
    return where<nst_alloc_pid>(s, [](const auto& e) { return e.error == 0; });
}
inline Places switches(const Stream& s) {
    return where<nst_ns_switch>(s, [](const auto& e) {
        return e.actor_key == e.task.key && e.after.nsproxy != 0 && e.before.nsproxy != 0 &&
               e.via != NST_switch_via_syscall;
    });
}
inline Places leaves(const Stream& s) {
    return where<nst_ns_switch>(s, [](const auto& e) {
        return e.actor_key == e.task.key && e.after.nsproxy == 0 && e.before.nsproxy != 0;
    });
}
template <class T>
Places all(const Stream& s) {
    return where<T>(s, [](const auto& /*e*/) { return true; });
}

inline bool holds(const nst_ns_set& set, std::uint32_t inum) {
    return set.mnt == inum || set.uts == inum || set.ipc == inum || set.net == inum ||
           set.cgroup == inum;
}

/// Where the last holder let go of the namespace that dies at `at`.
inline Place let_go(const Stream& s, std::size_t at) {
    const std::uint32_t inum = s[at].as<nst_inum_free>().inum;
    const auto born = birth_of_inum(s, at, inum);
    const auto last = s.before<nst_ns_switch>(at, [&](const auto& e) {
        return e.actor_key == e.task.key && holds(e.before, inum) && !holds(e.after, inum);
    });
    return born && last && *born < *last ? last : std::nullopt;
}

/// Where the last child of the namespace that dies at `at` died.
inline Place last_child(const Stream& s, std::size_t at) {
    const std::uint32_t parent = s[at].as<nst_inum_free>().inum;
    const auto born = birth_of_inum(s, at, parent);
    return !born ? std::nullopt : s.before<nst_inum_free>(at, [&](const auto& e) {
        if (e.point != NST_hook_point_entry) {
            return false;
        }
        const auto told = s.before<nst_namespace>(
            at, [&](const auto& ns) { return ns.inum == e.inum && ns.round == 0; });
        return told && *told > *born && s[*told].template as<nst_namespace>().parent == parent &&
               birth_of_inum(s, *told, e.inum).has_value();
    });
}

/// The release of the last other thread, before that of its leader at `at`.
inline Place last_thread(const Stream& s, std::size_t at) {
    const auto& leader = s[at].as<nst_task_release>();
    const auto thread = s.before<nst_task_release>(at, [&](const auto& e) {
        return e.task.tgid == leader.task.tgid && e.task.tid != e.task.tgid;
    });
    const auto born = s.before<nst_task_new>(at, [&](const auto& e) {
        return e.task.tid == leader.task.tgid && e.task.tgid == leader.task.tgid;
    });
    return thread && born && *born < *thread ? thread : std::nullopt;
}

/// The pid namespace whose init is released at `at`, if all of its life was told.
inline std::optional<std::size_t> allocation_of_init(const Stream& s, std::size_t at) {
    const auto& release = s[at].as<nst_task_release>();
    const auto allocated = allocation_of(s, at, release.pid_key);
    if (!allocated || release.task.tid != release.task.tgid) {
        return std::nullopt;
    }
    const nst_pid_request last = numbers_of(s, *allocated).back();
    return last.nr == 1 && birth_of_inum(s, *allocated, last.pid_namespace) ? allocated
                                                                            : std::nullopt;
}
inline Places inits(const Stream& s) {
    Places places = all<nst_task_release>(s);
    std::erase_if(places, [&](std::size_t at) { return !allocation_of_init(s, at); });
    return places;
}
/// Where the last other number was freed in the namespace whose init is released at `at`.
inline Place last_number(const Stream& s, std::size_t at) {
    const auto init = allocation_of_init(s, at);
    const std::uint32_t ns = numbers_of(s, *init).back().pid_namespace;
    std::size_t i = at;
    while (i-- > *init) {
        if (s.get<nst_free_pid>(i) == nullptr) {
            continue;
        }
        const auto tail = s[i].tail<nst_free_pid, nst_pid_nr>();
        if (std::ranges::any_of(tail, [&](const auto& one) { return one.pid_namespace == ns; })) {
            return i;
        }
    }
    return std::nullopt;
}

}  // namespace nstrail::test
