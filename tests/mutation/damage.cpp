// SPDX-License-Identifier: Apache-2.0
#include "mutation/damage.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <linux/sched.h>

namespace nstrail::test {

namespace {

using Places = std::vector<std::size_t>;
using Place = std::optional<std::size_t>;

constexpr std::uint32_t first_inum = 0xF0000000;
constexpr std::uint32_t no_such_inum = 0xF00FFFFF;
constexpr std::uint64_t no_such_key = 0xBAD0;
constexpr std::uint64_t all_capabilities = (1ULL << 41) - 1;

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

Mutant drop(const Stream& s, std::size_t at, bool visible) {
    Mutant mutant{.events = s.buffers(), .visible = visible};
    mutant.events.erase(mutant.events.begin() + static_cast<std::ptrdiff_t>(at));
    return mutant;
}

Mutant duplicate(const Stream& s, std::size_t at, bool visible = true) {
    Mutant mutant{.events = s.buffers(), .visible = visible};
    const auto here = mutant.events.begin() + static_cast<std::ptrdiff_t>(at);
    mutant.events.insert(here + 1, EventBuffer(*here));
    return mutant;
}

/// The event comes right before the earlier one at `to`, or right after the later one.
Mutant move(const Stream& s, std::size_t from, std::size_t to, bool visible) {
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

Place birth_of(const Stream& s, std::size_t at, std::uint64_t key) {
    return s.before<nst_task_new>(at, [&](const auto& e) { return e.task.key == key; });
}
Place end_of(const Stream& s, std::size_t at, std::uint64_t key) {
    return s.after<nst_ns_switch>(at, [&](const auto& e) {
        return e.task.key == key && e.actor_key == key && e.after.nsproxy == 0;
    });
}
/// What its nsproxy is was told: by its birth, or a switch.
bool set_told(const Stream& s, std::size_t at, std::uint64_t key) {
    return birth_of(s, at, key) || s.before<nst_ns_switch>(at, [&](const auto& e) {
        return e.task.key == key && e.after.nsproxy != 0;
    });
}
/// It was told of in any way that would have told more, had there been more.
bool acted(const Stream& s, std::size_t at, std::uint64_t key) {
    return set_told(s, at, key) ||
           s.before<nst_task_new>(at, [&](const auto& e) { return e.actor.key == key; }) ||
           s.before<nst_task_exec>(at, [&](const auto& e) { return e.task.key == key; }) ||
           s.before<nst_cred_user_ns>(at, [&](const auto& e) { return e.task.key == key; });
}
Place allocation_of(const Stream& s, std::size_t at, std::uint64_t pid_key) {
    return s.before<nst_alloc_pid>(
        at, [&](const auto& e) { return e.error == 0 && e.pid_key == pid_key; });
}
Place birth_of_inum(const Stream& s, std::size_t at, std::uint32_t inum) {
    const auto born = s.before<nst_inum_alloc>(at, [&](const auto& e) { return e.inum == inum; });
    const auto freed = s.before<nst_inum_free>(
        at, [&](const auto& e) { return e.inum == inum && e.point == NST_hook_point_entry; });
    return inum >= first_inum && born && (!freed || *freed < *born) ? born : std::nullopt;
}
/// Its lineage was told.
bool facts_told(const Stream& s, std::size_t at, std::uint32_t inum) {
    const auto told = s.before<nst_namespace>(at, [&](const auto& e) { return e.inum == inum; });
    const auto freed = s.before<nst_inum_free>(at, [&](const auto& e) { return e.inum == inum; });
    return told && (!freed || *freed < *told);
}
std::uint32_t initial_pid_ns(const Stream& s) {
    const auto any = s.after<nst_task_seen>(0, [](const auto& e) { return e.task.tid == 1; });
    return s[*any].as<nst_task_seen>().ns.pid;
}
std::uint32_t initial_user_ns(const Stream& s) {
    const auto any = s.after<nst_task_seen>(0, [](const auto& e) { return e.task.tid == 1; });
    return s[*any].as<nst_task_seen>().ns.user;
}
std::span<const nst_pid_request> numbers_of(const Stream& s, std::size_t at) {
    return s[at].tail<nst_alloc_pid, nst_pid_request>();
}

// -- Events that damage is done to.

Places entries(const Stream& s) {
    return where<nst_inum_free>(
        s, [](const auto& e) { return e.point == NST_hook_point_entry && e.inum >= first_inum; });
}
Places given(const Stream& s) {
    return where<nst_alloc_pid>(s, [](const auto& e) { return e.error == 0; });
}
Places switches(const Stream& s) {
    return where<nst_ns_switch>(s, [](const auto& e) {
        return e.actor_key == e.task.key && e.after.nsproxy != 0 && e.before.nsproxy != 0 &&
               e.via != NST_switch_via_syscall;
    });
}
Places leaves(const Stream& s) {
    return where<nst_ns_switch>(s, [](const auto& e) {
        return e.actor_key == e.task.key && e.after.nsproxy == 0 && e.before.nsproxy != 0;
    });
}
template <class T>
Places all(const Stream& s) {
    return where<T>(s, [](const auto& /*e*/) { return true; });
}

bool holds(const nst_ns_set& set, std::uint32_t inum) {
    return set.mnt == inum || set.uts == inum || set.ipc == inum || set.net == inum ||
           set.cgroup == inum;
}

/// Where the last holder let go of the namespace that dies at `at`.
Place let_go(const Stream& s, std::size_t at) {
    const std::uint32_t inum = s[at].as<nst_inum_free>().inum;
    const auto born = birth_of_inum(s, at, inum);
    const auto last = s.before<nst_ns_switch>(at, [&](const auto& e) {
        return e.actor_key == e.task.key && holds(e.before, inum) && !holds(e.after, inum);
    });
    return born && last && *born < *last ? last : std::nullopt;
}

/// Where the last child of the namespace that dies at `at` died.
Place last_child(const Stream& s, std::size_t at) {
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
Place last_thread(const Stream& s, std::size_t at) {
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
std::optional<std::size_t> allocation_of_init(const Stream& s, std::size_t at) {
    const auto& release = s[at].as<nst_task_release>();
    const auto allocated = allocation_of(s, at, release.pid_key);
    if (!allocated || release.task.tid != release.task.tgid) {
        return std::nullopt;
    }
    const nst_pid_request last = numbers_of(s, *allocated).back();
    return last.nr == 1 && birth_of_inum(s, *allocated, last.pid_namespace) ? allocated
                                                                            : std::nullopt;
}
Places inits(const Stream& s) {
    Places places = all<nst_task_release>(s);
    std::erase_if(places, [&](std::size_t at) { return !allocation_of_init(s, at); });
    return places;
}
/// Where the last other number was freed in the namespace whose init is released at `at`.
Place last_number(const Stream& s, std::size_t at) {
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

// -- The damages.

const std::vector<Damage> damages = {
    {.kind = "drop",
     .what = "exchange_tids",
     .rule = "EXE",
     .like_loss = true,
     .places = all<nst_exchange_tids>,
     .apply =
         [](const Stream& s, std::size_t at) {
             // Its exec tells that its tid changed, and all it did before was told.
             const std::uint64_t key = s[at].as<nst_exchange_tids>().task.key;
             return drop(s, at, acted(s, at, key) && s.after<nst_task_exec>(at, [&](const auto& e) {
                 return e.task.key == key && e.old_tid != e.task.tid;
             }));
         }},
    {.kind = "wrong number",
     .what = "tid before an exec",
     .rule = "EXE",
     .places =
         [](const Stream& s) {
             return where<nst_task_exec>(s, [](const auto& e) { return e.old_tid == e.task.tid; });
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // Who it was before is known, if it was born or did anything since.
             const bool visible = acted(s, at, s[at].as<nst_task_exec>().task.key);
             return edit<nst_task_exec>(s, at, visible, [](auto& e) { e.old_tid++; });
         }},
    {.kind = "double free",
     .what = "of an inode number",
     .rule = "NS1",
     .places = entries,
     // The first was told.
     .apply = [](const Stream& s, std::size_t at) { return duplicate(s, at); }},
    {.kind = "reuse while live",
     .what = "of an inode number",
     .rule = "NS1",
     .places =
         [](const Stream& s) {
             return where<nst_inum_alloc>(s, [](const auto& e) { return e.inum >= first_inum; });
         },
     .apply = [](const Stream& s, std::size_t at) { return duplicate(s, at); }},
    {.kind = "drop",
     .what = "inum_free",
     .rule = "NS1",
     .like_loss = true,
     .places = entries,
     .apply =
         [](const Stream& s, std::size_t at) {
             // The number is given out before and after.
             const std::uint32_t inum = s[at].as<nst_inum_free>().inum;
             return drop(
                 s, at,
                 birth_of_inum(s, at, inum) &&
                     s.after<nst_inum_alloc>(at, [&](const auto& e) { return e.inum == inum; }));
         }},
    {.kind = "swap",
     .what = "a death with its last holder's leaving",
     .rule = "NS2",
     .places =
         [](const Stream& s) {
             Places places = entries(s);
             std::erase_if(places, [&](std::size_t at) { return !let_go(s, at); });
             return places;
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // The holder lives, and tells later that it had the namespace; its set was told if
             // that was its birth's or a switch's, or a snapshot's, after the namespace's birth.
             const auto last = let_go(s, at);
             return move(s, at, *last, set_told(s, *last, s[*last].as<nst_ns_switch>().task.key));
         }},
    {.kind = "child outlives parent",
     .what = "pid and user namespaces",
     .rule = "NS3",
     .places =
         [](const Stream& s) {
             Places places = entries(s);
             std::erase_if(places, [&](std::size_t at) { return !last_child(s, at); });
             return places;
         },
     // Birth and lineage of both were told.
     .apply = [](const Stream& s,
                 std::size_t at) { return move(s, at, *last_child(s, at), true); }},
    {.kind = "foreign nsproxy change",
     .what = "a switch by another",
     .rule = "NSP1",
     .places = switches,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_ns_switch>(s, at, true, [](auto& e) {
                 e.actor_key = no_such_key;
                 e.actor_tid = 1;
             });
         }},
    {.kind = "foreign nsproxy change",
     .what = "taken away by another",
     .rule = "NSP1",
     .places = leaves,
     .apply =
         [](const Stream& s, std::size_t at) {
             // Only one that was never announced may be cleaned up after.
             const bool visible = birth_of(s, at, s[at].as<nst_ns_switch>().task.key).has_value();
             return edit<nst_ns_switch>(s, at, visible, [](auto& e) {
                 e.actor_key = no_such_key;
                 e.actor_tid = 1;
             });
         }},
    {.kind = "retarget",
     .what = "the nsproxy that is left",
     .rule = "NSP2",
     .places = leaves,
     .apply =
         [](const Stream& s, std::size_t at) {
             const bool visible = set_told(s, at, s[at].as<nst_ns_switch>().task.key);
             return edit<nst_ns_switch>(s, at, visible,
                                        [](auto& e) { e.before.nsproxy = no_such_key; });
         }},
    {.kind = "wrong namespace",
     .what = "in the nsproxy that is left",
     .rule = "NSP2",
     .places = leaves,
     .apply =
         [](const Stream& s, std::size_t at) {
             const bool visible = set_told(s, at, s[at].as<nst_ns_switch>().task.key);
             return edit<nst_ns_switch>(s, at, visible,
                                        [](auto& e) { e.before.net = no_such_inum; });
         }},
    {.kind = "drop",
     .what = "ns_switch",
     .rule = "NSP2",
     .like_loss = true,
     .places = switches,
     .apply =
         [](const Stream& s, std::size_t at) {
             // What it had before was told, and what it leaves in the end is told too.
             const std::uint64_t key = s[at].as<nst_ns_switch>().task.key;
             return drop(s, at, set_told(s, at, key) && end_of(s, at, key));
         }},
    {.kind = "duplicate",
     .what = "the leaving",
     .rule = "NSP3",
     .places = leaves,
     .apply = [](const Stream& s, std::size_t at) { return duplicate(s, at); }},
    {.kind = "late switch",
     .what = "after the leaving",
     .rule = "NSP3",
     .places =
         [](const Stream& s) {
             Places places = switches(s);
             std::erase_if(places, [&](std::size_t at) {
                 return !end_of(s, at, s[at].as<nst_ns_switch>().task.key);
             });
             return places;
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             return move(s, at, *end_of(s, at, s[at].as<nst_ns_switch>().task.key), true);
         }},
    {.kind = "retarget",
     .what = "NULL becomes another",
     .rule = "NSP3",
     .places = switches,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_ns_switch>(s, at, true, [](auto& e) { e.before.nsproxy = 0; });
         }},
    {.kind = "active pid ns changed",
     .what = "by a switch",
     .rule = "NSP4",
     .places = switches,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_ns_switch>(s, at, s[at].as<nst_ns_switch>().before.pid != 0,
                                        [](auto& e) { e.after.pid = no_such_inum; });
         }},
    {.kind = "active pid ns changed",
     .what = "since the birth",
     .rule = "NSP4",
     .places = leaves,
     .apply =
         [](const Stream& s, std::size_t at) {
             // Where it was born was told by the allocation of its struct pid.
             const auto birth = birth_of(s, at, s[at].as<nst_ns_switch>().task.key);
             const bool visible =
                 birth && allocation_of(s, *birth, s[*birth].as<nst_task_new>().pid_key);
             return edit<nst_ns_switch>(s, at, visible,
                                        [](auto& e) { e.before.pid = no_such_inum; });
         }},
    {.kind = "wrong namespace",
     .what = "new without a flag, or the reverse",
     .rule = "NSP5",
     .places = all<nst_task_new>,
     .apply =
         [](const Stream& s, std::size_t at) {
             // What its creator has was told.
             const auto& e = s[at].as<nst_task_new>();
             return edit<nst_task_new>(s, at, e.ns.nsproxy != 0 && set_told(s, at, e.actor.key),
                                       [](auto& birth) { birth.clone_flags ^= CLONE_NEWUTS; });
         }},
    {.kind = "wrong namespace",
     .what = "for children of one that is born",
     .rule = "NSP5",
     .places = all<nst_task_new>,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_task_new>(s, at, true,
                                       [](auto& e) { e.ns.pid_for_children = no_such_inum; });
         }},
    {.kind = "retarget",
     .what = "the group of one that is born",
     .rule = "NSP5",
     .places = all<nst_task_new>,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_task_new>(s, at, true, [](auto& e) { e.clone_flags ^= CLONE_THREAD; });
         }},
    {.kind = "wrong level",
     .what = "for children: above the active",
     .rule = "NSP6",
     .places =
         [](const Stream& s) {
             const std::uint32_t top = initial_pid_ns(s);
             return where<nst_ns_switch>(
                 s, [&](const auto& e) { return e.after.nsproxy != 0 && e.after.pid != top; });
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // The kernel would do it for good: whatever tells that nsproxy tells the same. That
             // the initial one has no ancestor was told by the snapshot.
             const std::uint64_t key = s[at].as<nst_ns_switch>().after.nsproxy;
             const std::uint32_t top = initial_pid_ns(s);
             Mutant mutant{.events = s.buffers(), .visible = true};
             const auto change = [&](nst_ns_set& set) {
                 if (set.nsproxy == key) {
                     set.pid_for_children = top;
                 }
             };
             for (std::size_t i = at; i < s.size(); i++) {
                 if (s.get<nst_ns_switch>(i) != nullptr) {
                     change(fixed<nst_ns_switch>(mutant.events[i]).before);
                     change(fixed<nst_ns_switch>(mutant.events[i]).after);
                 } else if (s.get<nst_task_exec>(i) != nullptr) {
                     change(fixed<nst_task_exec>(mutant.events[i]).ns);
                 }
             }
             return mutant;
         }},
    {.kind = "wrong level",
     .what = "for children, at an exec: above the active",
     .rule = "NSP6",
     .places =
         [](const Stream& s) {
             const std::uint32_t top = initial_pid_ns(s);
             return where<nst_task_exec>(
                 s, [&](const auto& e) { return e.ns.pid != top && e.ns.pid_for_children != 0; });
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             const std::uint32_t top = initial_pid_ns(s);
             return edit<nst_task_exec>(s, at, true, [&](auto& e) { e.ns.pid_for_children = top; });
         }},
    {.kind = "wrong number",
     .what = "references of an nsproxy: none",
     .rule = "NSP7",
     .places = switches,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_ns_switch>(s, at, true, [](auto& e) { e.references = 0xFFFFFFFF; });
         }},
    {.kind = "retarget",
     .what = "a switch to what another has, with other namespaces",
     .rule = "NSP7",
     .places = switches,
     .apply =
         [](const Stream& s, std::size_t at) {
             // What the other has was told by its birth, and it neither switched nor left since.
             const auto& e = s[at].as<nst_ns_switch>();
             const auto other = s.before<nst_task_new>(at, [&](const auto& birth) {
                 const std::uint64_t key = birth.task.key;
                 return key != e.task.key && birth.ns.nsproxy != 0 &&
                        birth.ns.nsproxy != e.after.nsproxy &&
                        birth.ns.nsproxy != e.before.nsproxy &&
                        !s.before<nst_ns_switch>(
                            at, [&](const auto& one) { return one.task.key == key; });
             });
             const std::uint64_t its =
                 other ? s[*other].as<nst_task_new>().ns.nsproxy : no_such_key;
             return edit<nst_ns_switch>(s, at, other.has_value(), [&](auto& one) {
                 one.after.nsproxy = its;
                 one.after.cgroup = no_such_inum;
             });
         }},
    {.kind = "reuse while live",
     .what = "of a number",
     .rule = "PID1",
     .places = given,
     .apply =
         [](const Stream& s, std::size_t at) {
             // Another was told to have it, and frees it later or never.
             const std::uint64_t key = s[at].as<nst_alloc_pid>().pid_key;
             const auto other = s.before<nst_alloc_pid>(
                 at, [&](const auto& e) { return e.error == 0 && e.pid_key != key; });
             Mutant mutant{.events = s.buffers(), .visible = false};
             if (!other) {
                 return mutant;
             }
             const std::uint64_t its = s[*other].as<nst_alloc_pid>().pid_key;
             const auto freed =
                 s.after<nst_free_pid>(*other, [&](const auto& e) { return e.pid_key == its; });
             mutant.visible = !freed || *freed > at;
             const std::uint32_t taken = numbers_of(s, *other).front().nr;
             renumber(mutant, s, at, [&](auto level, auto /*levels*/, auto& /*ns*/, auto& nr) {
                 nr = level == 0 ? taken : nr;
             });
             return mutant;
         }},
    {.kind = "drop",
     .what = "free_pid",
     .rule = "PID1",
     .like_loss = true,
     .places = all<nst_free_pid>,
     .apply =
         [](const Stream& s, std::size_t at) {
             // Its allocation was told, and its key or its number there is given again.
             const std::uint64_t key = s[at].as<nst_free_pid>().pid_key;
             const auto numbers = s[at].tail<nst_free_pid, nst_pid_nr>();
             bool again = false;
             for (std::size_t i = at + 1; i < s.size() && !again; i++) {
                 const auto* one = s.get<nst_alloc_pid>(i);
                 if (one == nullptr || one->error != 0) {
                     continue;
                 }
                 again = one->pid_key == key;
                 for (const nst_pid_request& number : numbers_of(s, i)) {
                     again = again || std::ranges::any_of(numbers, [&](const auto& its) {
                                 return its.pid_namespace == number.pid_namespace &&
                                        its.nr == number.nr;
                             });
                 }
             }
             return drop(s, at, again && allocation_of(s, at, key));
         }},
    {.kind = "wrong level",
     .what = "of a pid vector: another outermost",
     .rule = "PID2",
     .places =
         [](const Stream& s) {
             Places places = given(s);
             std::erase_if(places, [&](std::size_t at) { return numbers_of(s, at).size() < 2; });
             return places;
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // The lineage of the second was told before (that of a new namespace comes after its
             // first number).
             Mutant mutant{.events = s.buffers(),
                           .visible = facts_told(s, at, numbers_of(s, at)[1].pid_namespace)};
             renumber(mutant, s, at, [](auto level, auto /*levels*/, auto& ns, auto& /*nr*/) {
                 ns = level == 0 ? 0xEFFFFFFF : ns;
             });
             return mutant;
         }},
    {.kind = "wrong number",
     .what = "zero",
     .rule = "PID2",
     .places = given,
     .apply =
         [](const Stream& s, std::size_t at) {
             Mutant mutant{.events = s.buffers(), .visible = true};
             renumber(mutant, s, at, [](auto level, auto /*levels*/, auto& /*ns*/, auto& nr) {
                 nr = level == 0 ? 0 : nr;
             });
             return mutant;
         }},
    {.kind = "wrong namespace",
     .what = "of an allocation",
     .rule = "PID2",
     .places = given,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_alloc_pid>(s, at, true,
                                        [](auto& e) { e.pid_namespace = no_such_inum; });
         }},
    {.kind = "double free",
     .what = "of a struct pid",
     .rule = "PID3",
     .places = all<nst_free_pid>,
     .apply = [](const Stream& s, std::size_t at) { return duplicate(s, at); }},
    {.kind = "wrong number",
     .what = "freed",
     .rule = "PID3",
     .places = all<nst_free_pid>,
     .apply =
         [](const Stream& s, std::size_t at) {
             // What it has was told.
             Mutant mutant{
                 .events = s.buffers(),
                 .visible = allocation_of(s, at, s[at].as<nst_free_pid>().pid_key).has_value()};
             tail<nst_free_pid, nst_pid_nr>(mutant.events[at])[0].nr += 20'000;
             return mutant;
         }},
    {.kind = "drop",
     .what = "alloc_pid",
     .rule = "PID4",
     .like_loss = true,
     .places = given,
     .apply =
         [](const Stream& s, std::size_t at) {
             // A birth follows, and it was no fork under way when the trace began: its creator has
             // done something before.
             const auto& e = s[at].as<nst_alloc_pid>();
             const auto birth = s.after<nst_task_new>(
                 at, [&](const auto& one) { return one.actor.key == e.actor.key; });
             return drop(s, at,
                         acted(s, at, e.actor.key) && birth &&
                             s[*birth].as<nst_task_new>().pid_key == e.pid_key);
         }},
    {.kind = "drop",
     .what = "task_new",
     .rule = "PID4",
     .like_loss = true,
     .places = all<nst_task_new>,
     .apply =
         [](const Stream& s, std::size_t at) {
             // Its creator allocates another or exits before the number is freed, or another than
             // its creator frees it. Else it looks like a fork that failed.
             const auto& e = s[at].as<nst_task_new>();
             const auto allocated = allocation_of(s, at, e.pid_key);
             const auto next = s.after<nst_alloc_pid>(at, [&](const auto& one) {
                 return one.actor.key == e.actor.key && one.error == 0;
             });
             const auto exit = s.after<nst_task_exit>(
                 at, [&](const auto& one) { return one.task.key == e.actor.key; });
             const auto freed = s.after<nst_free_pid>(
                 at, [&](const auto& one) { return one.pid_key == e.pid_key; });
             const std::size_t end = freed.value_or(s.size());
             const bool foreign = freed && allocated &&
                                  s[*freed].as<nst_free_pid>().actor_tid !=
                                      s[*allocated].as<nst_alloc_pid>().actor.tid;
             return drop(s, at,
                         allocated && ((next && *next < end) || (exit && *exit < end) || foreign));
         }},
    {.kind = "wrong number",
     .what = "of one that is born",
     .rule = "PID4",
     .places = all<nst_task_new>,
     .apply =
         [](const Stream& s, std::size_t at) {
             // What it was given was told.
             Mutant mutant{
                 .events = s.buffers(),
                 .visible = allocation_of(s, at, s[at].as<nst_task_new>().pid_key).has_value()};
             tail<nst_task_new, nst_pid_nr>(mutant.events[at])[0].nr += 20'000;
             return mutant;
         }},
    {.kind = "wrong number",
     .what = "the first of a pid namespace",
     .rule = "PID5",
     .places =
         [](const Stream& s) {
             Places places = given(s);
             std::erase_if(places, [&](std::size_t at) {
                 // The first since the birth of its namespace.
                 const std::uint32_t ns = numbers_of(s, at).back().pid_namespace;
                 const auto born = birth_of_inum(s, at, ns);
                 const auto earlier = s.before<nst_alloc_pid>(
                     at, [&](const auto& e) { return e.error == 0 && e.pid_namespace == ns; });
                 return !born || (earlier && *earlier > *born);
             });
             return places;
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             Mutant mutant{.events = s.buffers(), .visible = true};
             renumber(mutant, s, at, [](auto level, auto levels, auto& /*ns*/, auto& nr) {
                 nr = level + 1 == levels ? 77 : nr;
             });
             return mutant;
         }},
    {.kind = "wrong number",
     .what = "where set_tid asked for one",
     .rule = "PID6",
     .places =
         [](const Stream& s) {
             return where<nst_alloc_pid>(
                 s, [](const auto& e) { return e.error == 0 && e.set_tid_size != 0; });
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             Mutant mutant{.events = s.buffers(), .visible = true};
             tail<nst_alloc_pid, nst_pid_request>(mutant.events[at]).back().asked++;
             return mutant;
         }},
    {.kind = "wrong number",
     .what = "errno: too many numbers asked for",
     .rule = "PID7",
     .places =
         [](const Stream& s) {
             return where<nst_alloc_pid>(
                 s, [](const auto& e) { return e.error == -EINVAL && e.set_tid_size > e.levels; });
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_alloc_pid>(s, at, true, [](auto& e) { e.error = -EPERM; });
         }},
    {.kind = "wrong number",
     .what = "refused to one who may",
     .rule = "PID7",
     .places =
         [](const Stream& s) {
             return where<nst_alloc_pid>(
                 s, [](const auto& e) { return e.error == -EPERM && e.set_tid_size <= e.levels; });
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // The initial user namespace is above every owner whose lineage was told.
             bool told = true;
             for (const nst_pid_request& one : numbers_of(s, at)) {
                 const auto facts = s.before<nst_namespace>(
                     at, [&](const auto& e) { return e.inum == one.pid_namespace; });
                 told = told && facts && facts_told(s, at, one.pid_namespace) &&
                        facts_told(s, at, s[*facts].as<nst_namespace>().owner);
             }
             return edit<nst_alloc_pid>(s, at, told, [&](auto& e) {
                 e.actor_user = initial_user_ns(s);
                 e.actor_euid = 0;
                 e.actor_capabilities = all_capabilities;
             });
         }},
    {.kind = "wrong number",
     .what = "refused as invalid without a reason",
     .rule = "PID7",
     .places =
         [](const Stream& s) {
             return where<nst_alloc_pid>(s, [](const auto& e) {
                 return e.error == -EINVAL && e.set_tid_size != 0 && e.set_tid_size <= e.levels;
             });
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // The initial namespace has a reaper for ever. Whether another has one at the moment
             // of a refusal is not told by the refusal.
             Mutant mutant{.events = s.buffers(), .visible = numbers_of(s, at).size() == 1};
             for (auto& one : tail<nst_alloc_pid, nst_pid_request>(mutant.events[at])) {
                 one.asked = 7;
             }
             return mutant;
         }},
    {.kind = "allocation in a dead namespace",
     .what = "after the release of its init",
     .rule = "PID8",
     .places = inits,
     .apply =
         [](const Stream& s, std::size_t at) {
             // By one of whom nothing else was told; given back at once.
             const std::size_t init = *allocation_of_init(s, at);
             Mutant mutant{.events = s.buffers(), .visible = true};
             EventBuffer allocated = s.buffers()[init];
             auto& e = fixed<nst_alloc_pid>(allocated);
             e.actor = {.key = no_such_key, .start_boottime_ns = 1, .tid = 31'000, .tgid = 31'000};
             e.pid_key = no_such_key;
             std::vector<nst_pid_nr> numbers;
             for (auto& one : tail<nst_alloc_pid, nst_pid_request>(allocated)) {
                 one.nr += 20'000;
                 one.asked = 0;
                 numbers.push_back({.pid_namespace = one.pid_namespace, .nr = one.nr});
             }
             e.set_tid_size = 0;
             nst_free_pid end{.header = e.header,
                              .pid_key = no_such_key,
                              .levels = static_cast<nst_u32>(numbers.size()),
                              .actor_tid = 31'000};
             end.header.kind = NST_KIND_free_pid;
             const auto after = mutant.events.begin() + static_cast<std::ptrdiff_t>(at) + 1;
             mutant.events.insert(after,
                                  {std::move(allocated),
                                   EventBuffer::make(end, std::span<const nst_pid_nr>(numbers))});
             return mutant;
         }},
    {.kind = "double free",
     .what = "a task is released twice",
     .rule = "REL1",
     .places = all<nst_task_release>,
     .apply =
         [](const Stream& s, std::size_t at) {
             Mutant mutant = duplicate(s, at);
             fixed<nst_task_release>(mutant.events[at + 1]).via = NST_release_via_entry;
             return mutant;
         }},
    {.kind = "drop",
     .what = "task_release",
     .rule = "REL1",
     .like_loss = true,
     .places = all<nst_task_release>,
     .apply =
         [](const Stream& s, std::size_t at) {
             // Birth and the end of its memory are told.
             const std::uint64_t key = s[at].as<nst_task_release>().task.key;
             return drop(s, at,
                         birth_of(s, at, key) && s.after<nst_task_free>(at, [&](const auto& e) {
                             return e.task.key == key;
                         }));
         }},
    {.kind = "retarget",
     .what = "an nsproxy at the release",
     .rule = "REL2",
     .places = all<nst_task_release>,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_task_release>(s, at, true, [](auto& e) { e.nsproxy = no_such_key; });
         }},
    {.kind = "drop",
     .what = "the leaving",
     .rule = "REL2",
     .like_loss = true,
     .places = leaves,
     .apply =
         [](const Stream& s, std::size_t at) {
             const std::uint64_t key = s[at].as<nst_ns_switch>().task.key;
             return drop(s, at,
                         set_told(s, at, key) && s.after<nst_task_release>(at, [&](const auto& e) {
                             return e.task.key == key;
                         }));
         }},
    {.kind = "wrong number",
     .what = "no struct pid at the release",
     .rule = "REL3",
     .places = all<nst_task_release>,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_task_release>(s, at, true, [](auto& e) { e.pid_key = 0; });
         }},
    {.kind = "swap",
     .what = "a release with the free of its struct pid",
     .rule = "REL3",
     .places =
         [](const Stream& s) {
             Places places = all<nst_free_pid>(s);
             std::erase_if(places, [&](std::size_t at) {
                 const std::uint64_t key = s[at].as<nst_free_pid>().pid_key;
                 const auto released = s.before<nst_task_release>(
                     at, [&](const auto& e) { return e.pid_key == key; });
                 return !released || *released + 4 < at;
             });
             return places;
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // That it is attached was told by a birth, which its allocation gave the number.
             const std::uint64_t key = s[at].as<nst_free_pid>().pid_key;
             const auto released =
                 s.before<nst_task_release>(at, [&](const auto& e) { return e.pid_key == key; });
             return move(s, at, *released, true);
         }},
    {.kind = "wrong number",
     .what = "a struct pid at the end",
     .rule = "REL4",
     .places = all<nst_task_free>,
     .apply =
         [](const Stream& s, std::size_t at) {
             return edit<nst_task_free>(s, at, true, [](auto& e) { e.pid_key = no_such_key; });
         }},
    {.kind = "swap",
     .what = "the leader's release with its last thread's",
     .rule = "REL5",
     .places =
         [](const Stream& s) {
             Places places = where<nst_task_release>(
                 s, [](const auto& e) { return e.task.tid == e.task.tgid; });
             std::erase_if(places, [&](std::size_t at) { return !last_thread(s, at); });
             return places;
         },
     // Both were born in the stream.
     .apply = [](const Stream& s,
                 std::size_t at) { return move(s, at, *last_thread(s, at), true); }},
    {.kind = "swap",
     .what = "an init's release with the last free of its namespace",
     .rule = "REL6",
     .places =
         [](const Stream& s) {
             Places places = inits(s);
             std::erase_if(places, [&](std::size_t at) { return !last_number(s, at); });
             return places;
         },
     .apply =
         [](const Stream& s, std::size_t at) {
             // Birth of the namespace, and what is freed, were told.
             const std::size_t last = *last_number(s, at);
             return move(s, at, last,
                         allocation_of(s, last, s[last].as<nst_free_pid>().pid_key).has_value());
         }},
    {.kind = "retarget",
     .what = "credentials to the parent user namespace",
     .rule = "USR1",
     .places = all<nst_cred_user_ns>,
     .apply =
         [](const Stream& s, std::size_t at) {
             const auto& e = s[at].as<nst_cred_user_ns>();
             return edit<nst_cred_user_ns>(
                 s, at, facts_told(s, at, e.before) && facts_told(s, at, e.after),
                 [](auto& one) { std::swap(one.before, one.after); });
         }},
};

}  // namespace

const std::vector<Damage>& all_damages() {
    return damages;
}

}  // namespace nstrail::test
