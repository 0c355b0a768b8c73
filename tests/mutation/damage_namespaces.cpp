// SPDX-License-Identifier: Apache-2.0
// Damage to namespaces and nsproxies.
#include <algorithm>
#include <utility>

#include <linux/sched.h>

#include "mutation/places.hpp"

namespace nstrail::test {

std::vector<Damage> namespace_damages() {
    return {
        {.kind = "drop",
         .what = "exchange_tids",
         .rule = "EXE",
         .like_loss = true,
         .places = all<nst_exchange_tids>,
         .apply =
             [](const Stream& s, std::size_t at) {
                 // Its exec tells that its tid changed, and all it did before was told.
                 const std::uint64_t key = s[at].as<nst_exchange_tids>().task.key;
                 return drop(s, at,
                             acted(s, at, key) && s.after<nst_task_exec>(at, [&](const auto& e) {
                                 return e.task.key == key && e.old_tid != e.task.tid;
                             }));
             }},
        {.kind = "wrong number",
         .what = "tid before an exec",
         .rule = "EXE",
         .places =
             [](const Stream& s) {
                 return where<nst_task_exec>(s,
                                             [](const auto& e) { return e.old_tid == e.task.tid; });
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
                 return where<nst_inum_alloc>(s,
                                              [](const auto& e) { return e.inum >= first_inum; });
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
                 return drop(s, at,
                             birth_of_inum(s, at, inum) &&
                                 s.after<nst_inum_alloc>(
                                     at, [&](const auto& e) { return e.inum == inum; }));
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
                 // that was its birth's or a switch's, or a snapshot's, after the namespace's
                 // birth.
                 const auto last = let_go(s, at);
                 return move(s, at, *last,
                             set_told(s, *last, s[*last].as<nst_ns_switch>().task.key));
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
                 const bool visible =
                     birth_of(s, at, s[at].as<nst_ns_switch>().task.key).has_value();
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
                 return edit<nst_task_new>(s, at, true,
                                           [](auto& e) { e.clone_flags ^= CLONE_THREAD; });
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
                 // The kernel would do it for good: whatever tells that nsproxy tells the same.
                 // That the initial one has no ancestor was told by the snapshot.
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
                 return where<nst_task_exec>(s, [&](const auto& e) {
                     return e.ns.pid != top && e.ns.pid_for_children != 0;
                 });
             },
         .apply =
             [](const Stream& s, std::size_t at) {
                 const std::uint32_t top = initial_pid_ns(s);
                 return edit<nst_task_exec>(s, at, true,
                                            [&](auto& e) { e.ns.pid_for_children = top; });
             }},
        {.kind = "wrong number",
         .what = "references of an nsproxy: none",
         .rule = "NSP7",
         .places = switches,
         .apply =
             [](const Stream& s, std::size_t at) {
                 return edit<nst_ns_switch>(s, at, true,
                                            [](auto& e) { e.references = 0xFFFFFFFF; });
             }},
        {.kind = "retarget",
         .what = "a switch to what another has, with other namespaces",
         .rule = "NSP7",
         .places = switches,
         .apply =
             [](const Stream& s, std::size_t at) {
                 // What the other has was told by its birth, and it neither switched nor left
                 // since.
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
    };
}

}  // namespace nstrail::test
