// SPDX-License-Identifier: Apache-2.0
// Damage to struct pids, releases and credentials.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "mutation/places.hpp"

namespace nstrail::test {

std::vector<Damage> task_damages() {
    return {
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
                 std::erase_if(places,
                               [&](std::size_t at) { return numbers_of(s, at).size() < 2; });
                 return places;
             },
         .apply =
             [](const Stream& s, std::size_t at) {
                 // The lineage of the second was told before (that of a new namespace comes after
                 // its first number).
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
                 // A birth follows, and it was no fork under way when the trace began: its creator
                 // has done something before.
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
                 // Its creator allocates another or exits before the number is freed, or another
                 // than its creator frees it. Else it looks like a fork that failed.
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
                 return drop(
                     s, at,
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
                 return where<nst_alloc_pid>(s, [](const auto& e) {
                     return e.error == -EINVAL && e.set_tid_size > e.levels;
                 });
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
                 return where<nst_alloc_pid>(s, [](const auto& e) {
                     return e.error == -EPERM && e.set_tid_size <= e.levels;
                 });
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
                 // The initial namespace has a reaper for ever. Whether another has one at the
                 // moment of a refusal is not told by the refusal.
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
                 e.actor = {
                     .key = no_such_key, .start_boottime_ns = 1, .tid = 31'000, .tgid = 31'000};
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
                 mutant.events.insert(
                     after, {std::move(allocated),
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
                 return edit<nst_task_release>(s, at, true,
                                               [](auto& e) { e.nsproxy = no_such_key; });
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
                             set_told(s, at, key) &&
                                 s.after<nst_task_release>(
                                     at, [&](const auto& e) { return e.task.key == key; }));
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
                 const auto released = s.before<nst_task_release>(
                     at, [&](const auto& e) { return e.pid_key == key; });
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
                 return move(
                     s, at, last,
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
}

}  // namespace nstrail::test
