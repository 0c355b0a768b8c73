// SPDX-License-Identifier: Apache-2.0
// PID6, PID7: clone3(set_tid).
#include <cerrno>

#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

constexpr std::uint64_t all_capabilities = (1ULL << 41) - 1;

/// The next allocation asks for the numbers that it gets, in the innermost namespaces.
void ask(Script& s, std::uint32_t size) {
    s.spoil<nst_alloc_pid, nst_pid_request>(
        [size](nst_alloc_pid& e, std::span<nst_pid_request> tail) {
            e.set_tid_size = size;
            for (nst_pid_request& one : tail.last(size)) {
                one.asked = one.nr;
            }
        });
}

/// The next allocation is by one with these capabilities in the initial user namespace.
void capable(Script& s, std::uint64_t capabilities) {
    s.spoil<nst_alloc_pid>([capabilities](nst_alloc_pid& e) {
        e.actor_user = initial(NST_ns_type_user);
        e.actor_capabilities = capabilities;
    });
}

TEST(SetTid, GivesWhatWasAskedForAndDoesNotMoveTheLastPid) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    ask(s, 1);
    s.fork({.tid = 101, .parent = 100, .nr = 9});
    s.fork({.tid = 102, .parent = 100, .nr = 2});
    ask(s, 2);
    s.fork({.tid = 103, .parent = 100, .nr = 5});
    EXPECT_TRUE(holds(s, {"PID6", "PID7", "PID1"}));
}

TEST(SetTid, IsRefusedForReasons) {
    Script s;
    s.alloc_pid_fails(1, EINVAL, 2);  // more numbers than levels
    s.spoil<nst_alloc_pid, nst_pid_request>(
        [](nst_alloc_pid& /*e*/, std::span<nst_pid_request> tail) { tail[0].asked = 0; });
    s.alloc_pid_fails(1, EINVAL, 1);
    s.spoil<nst_alloc_pid, nst_pid_request>(
        [](nst_alloc_pid& /*e*/, std::span<nst_pid_request> tail) { tail[0].asked = 0xFFFFFFFF; });
    s.alloc_pid_fails(1, EINVAL, 1);
    // Larger than kernel.pid_max may be.
    s.spoil<nst_alloc_pid, nst_pid_request>(
        [](nst_alloc_pid& /*e*/, std::span<nst_pid_request> tail) { tail[0].asked = 301; });
    s.alloc_pid_fails(1, EINVAL, 1);
    capable(s, 0);
    s.alloc_pid_fails(1, EPERM, 1);
    EXPECT_TRUE(holds(s, {"PID7"}));
    EXPECT_EQ(count_of(s.checker, "PID7").checked, 5U);
}

TEST(SetTid, MayMeetAHolderThatNobodySees) {
    Script s;
    s.alloc_pid_fails(1, EEXIST, 1);
    s.alloc_pid_fails(1, ENOMEM, 1);
    EXPECT_TRUE(holds(s, {}));
    EXPECT_EQ(count_of(s.checker, "PID7").checked, 0U);
}

const std::vector<Breach> chosen = {
    {.name = "GaveAnother",
     .rule = "PID6",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_alloc_pid, nst_pid_request>(
                 [](nst_alloc_pid& e, std::span<nst_pid_request> tail) {
                     e.set_tid_size = 1;
                     tail[0].asked = tail[0].nr + 1;
                 });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "AskedWhereItCouldNot",
     .rule = "PID6",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_alloc_pid, nst_pid_request>(
                 [](nst_alloc_pid& e, std::span<nst_pid_request> tail) {
                     e.set_tid_size = 1;
                     for (nst_pid_request& one : tail) {
                         one.asked = one.nr;
                     }
                 });
             s.fork({.tid = 100, .flags = CLONE_NEWPID});
         },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "MoreNumbersThanLevels",
     .rule = "PID7",
     .before = [](Script& /*s*/) {},
     .broken = [](Script& s) { s.alloc_pid_fails(1, EPERM, 2); },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "GrantedWhatIsNoNumber",
     .rule = "PID7",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_alloc_pid, nst_pid_request>(
                 [](nst_alloc_pid& e, std::span<nst_pid_request> tail) {
                     e.set_tid_size = 1;
                     tail[0].asked = 0;
                 });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "GrantedToOneWhoMayNot",
     .rule = "PID7",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_alloc_pid, nst_pid_request>(
                 [](nst_alloc_pid& e, std::span<nst_pid_request> tail) {
                     e.set_tid_size = 1;
                     e.actor_user = initial(NST_ns_type_user);
                     tail[0].asked = tail[0].nr;
                 });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_alloc_pid},
     .by_model = true},
    {.name = "InvalidWithoutAReason",
     .rule = "PID7",
     .before = [](Script& /*s*/) {},
     .broken = [](Script& s) { s.alloc_pid_fails(1, EINVAL, 1); },
     .evidence = {NST_KIND_alloc_pid},
     .by_model = true},
    {.name = "RefusedToOneWhoMay",
     .rule = "PID7",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             capable(s, all_capabilities);
             s.alloc_pid_fails(1, EPERM, 1);
         },
     .evidence = {NST_KIND_alloc_pid},
     .by_model = true},
};
NST_BREACHES(SetTid, chosen);

}  // namespace
}  // namespace nstrail::test
