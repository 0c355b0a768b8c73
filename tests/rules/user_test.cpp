// SPDX-License-Identifier: Apache-2.0
// USR1: user namespaces.
#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

TEST(Users, MoveToDescendants) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWUSER | CLONE_NEWUTS);
    s.unshare(100, CLONE_NEWUSER);
    s.fork({.tid = 101});
    s.setns(101, Slot::user, s.of(100).ns.user);  // two below
    EXPECT_TRUE(holds(s, {"USR1", "NSP1"}));
    EXPECT_EQ(count_of(s.checker, "USR1").checked, 3U);
}

TEST(Users, OfUnknownLineage) {
    Script s;
    s.emit(nst_cred_user_ns{.header = {},
                            .task = s.of(1).ref,
                            .before = initial(NST_ns_type_user),
                            .after = 0xF0000999});
    EXPECT_TRUE(holds(s, {}));
    EXPECT_EQ(count_of(s.checker, "USR1").checked, 0U);
}

const std::vector<Breach> users = {
    {.name = "BackToTheParent",
     .rule = "USR1",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.unshare(100, CLONE_NEWUSER);
         },
     .broken = [](Script& s) { s.setns(100, Slot::user, initial(NST_ns_type_user)); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_cred_user_ns}},
    {.name = "BackFromOneThatWasThereBefore",
     .rule = "USR1",
     .before =
         [](Script& s) {
             s.exists({.tid = 100, .flags = CLONE_NEWUSER});
             s.snapshot(2);
         },
     .broken = [](Script& s) { s.setns(100, Slot::user, initial(NST_ns_type_user)); },
     .evidence = {NST_KIND_cred_user_ns},
     .by_model = true},
    {.name = "ToASibling",
     .rule = "USR1",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWUSER});
             s.fork({.tid = 101, .flags = CLONE_NEWUSER});
         },
     .broken = [](Script& s) { s.setns(100, Slot::user, s.of(101).ns.user); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_cred_user_ns}},
};
NST_BREACHES(Users, users);

}  // namespace
}  // namespace nstrail::test
