// SPDX-License-Identifier: Apache-2.0
// Namespaces without tasks: found, held, and settled after a loss.
#include <gtest/gtest.h>

#include "model/why.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

class Round {
public:
    Round(Script& script, std::uint32_t number) : script_(script), number_(number) {
        mark(NST_mark_what_holders_begin);
    }
    void file(std::uint32_t tid, NsType type, std::uint32_t inum, std::uint32_t fd = 3) {
        nst_ns_holder event{};
        event.task = script_.of(tid).ref;
        event.type = type;
        event.inum = inum;
        event.what = NST_holder_what_file;
        event.fd = fd;
        event.round = number_;
        script_.emit(event);
    }
    void mount(NsType type, std::uint32_t inum, std::string_view path) {
        nst_ns_holder event{};
        event.type = type;
        event.inum = inum;
        event.what = NST_holder_what_mount;
        event.mnt = initial(NST_ns_type_mnt);
        event.round = number_;
        path.copy(event.path, sizeof(event.path) - 1);
        script_.emit(event);
    }
    void unreadable(std::string_view what) {
        nst_ns_holder event{};
        event.what = NST_holder_what_unreadable;
        event.round = number_;
        what.copy(event.path, sizeof(event.path) - 1);
        script_.emit(event);
    }
    void end() { mark(NST_mark_what_holders_end); }

private:
    void mark(nst_mark_what what) {
        script_.emit(nst_mark{.header = {}, .what = what, .round = number_});
    }
    Script& script_;
    std::uint32_t number_;
};

/// The facts of a namespace as ioctls on a file of nsfs tell them.
nst_namespace facts_by_ioctl(NsType type, std::uint32_t inum) {
    nst_namespace facts{};
    facts.type = type;
    facts.inum = inum;
    facts.owner = initial(NST_ns_type_user);
    facts.round = 1;
    return facts;
}

Why why(const Script& s, std::uint32_t inum) {
    const View view = s.world.view();
    return why_of(view, *view.ns(inum));
}

TEST(Holders, FindANamespaceThatWasThereBeforeAndHasNoTask) {
    Script s;
    constexpr std::uint32_t inum = 0xF0000777;
    Round round(s, 1);
    s.emit(facts_by_ioctl(NST_ns_type_net, inum));
    round.mount(NST_ns_type_net, inum, "/run/netns/blue");
    round.end();
    const auto ns = s.ns(inum);
    ASSERT_TRUE(ns);
    EXPECT_EQ(ns->state(), NsState::empty);
    EXPECT_EQ(s.account().appeared[NST_ns_type_net], 0U) << "it was there before";
    const Why answer = why(s, inum);
    ASSERT_EQ(answer.holds.size(), 1U);
    EXPECT_EQ(answer.holds[0].kind, HoldKind::mount);
    EXPECT_EQ(answer.holds[0].path, "/run/netns/blue");
    EXPECT_EQ(answer.holds[0].ns->inum(), initial(NST_ns_type_mnt));
    EXPECT_TRUE(answer.doubts.empty());
}

TEST(Holders, FactsByIoctlTakeNothingAway) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    Round round(s, 1);
    s.emit(facts_by_ioctl(NST_ns_type_pid, inner));
    round.end();
    const auto ns = s.ns(inner);
    EXPECT_EQ(ns->state(), NsState::alive) << "no count told is not a count of 0";
    EXPECT_NE(ns->record().key, 0U);
    EXPECT_EQ(ns->record().last_pid, 1U);
}

TEST(Why, NamesEveryKindOfHolder) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUSER | CLONE_NEWPID, .comm = "box"});
    s.fork({.tid = 101, .parent = 100, .comm = "child"});
    s.thread(102, 101);
    s.fork({.tid = 200, .comm = "outside"});
    const std::uint32_t user = s.of(100).ns.user;
    const std::uint32_t pid = s.of(100).ns.pid;
    s.setns(200, Slot::pid_for_children, pid);
    s.zombie(101, {.last = false});
    Round round(s, 1);
    round.file(200, NST_ns_type_pid, pid, 7);
    round.end();
    const auto kinds = [&](std::uint32_t inum) {
        std::string text;
        for (const Hold& hold : why(s, inum).holds) {
            text += std::string(hold_kind_name(hold.kind)) + " " +
                    std::to_string(hold.ns && !hold.task ? hold.ns->inum() - pid : hold.tid) + "; ";
        }
        return text;
    };
    EXPECT_EQ(kinds(pid), "task 100; task 102; zombie 101; for_children 200; file 200; ");
    EXPECT_EQ(kinds(user), "task 100; task 102; zombie 101; owned 0; ");
}

TEST(Why, SaysWhatItDoesNotKnow) {
    Script s;
    const std::uint32_t inum = initial(NST_ns_type_net);
    EXPECT_FALSE(why(s, inum).looked_at_boot_ns);
    EXPECT_EQ(why(s, inum).doubts.size(), 1U) << "nobody has looked";
    Round first(s, 1);
    first.unreadable("mount namespace 4026532000: no task is in it");
    first.end();
    EXPECT_EQ(why(s, inum).doubts,
              (std::vector<std::string>{"mount namespace 4026532000: no task is in it"}));
    Round second(s, 2);
    s.gap();
    second.end();
    EXPECT_EQ(why(s, inum).doubts.size(), 2U) << "a gap now, and one in the round";
}

TEST(Why, AHolderOfAnInumThatWasUsedAgainIsNotItsHolder) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    Round round(s, 1);
    round.file(1, NST_ns_type_uts, uts);
    round.end();
    EXPECT_EQ(why(s, uts).holds.size(), 2U);
    s.die(100);
    s.inum_free(uts);
    s.next_inum(uts);
    s.fork({.tid = 101, .flags = CLONE_NEWUTS});
    ASSERT_EQ(s.of(101).ns.uts, uts);
    ASSERT_EQ(why(s, uts).holds.size(), 1U);
    EXPECT_EQ(why(s, uts).holds[0].tid, 101U);
}

/// A namespace whose last task leaves, and the loss of what would tell its end.
std::uint32_t doubtful_namespace(Script& s) {
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.gap();
    s.die(100);
    s.snapshot(2);
    EXPECT_FALSE(s.ns(uts)->record().certain);
    return uts;
}

TEST(Resync, ANamespaceWhoseEndMayBeLostGoesWhereNothingHoldsIt) {
    Script s;
    const std::uint32_t uts = doubtful_namespace(s);
    Round spoiled(s, 1);
    s.gap();
    spoiled.end();
    EXPECT_TRUE(s.ns(uts)) << "a round that lost something proves nothing";
    s.snapshot(3);
    Round round(s, 2);
    round.end();
    EXPECT_FALSE(s.ns(uts));
    EXPECT_EQ(s.account().forgotten[NST_ns_type_uts], 1U);
}

TEST(Resync, ANamespaceWhoseEndMayBeLostIsCertainWhereSomethingHoldsIt) {
    Script s;
    const std::uint32_t uts = doubtful_namespace(s);
    Round round(s, 1);
    round.file(1, NST_ns_type_uts, uts);
    round.end();
    ASSERT_TRUE(s.ns(uts));
    EXPECT_TRUE(s.ns(uts)->record().certain);
}

TEST(Reduced, ANamespaceHeldByAFileOutlivesTheNextRounds) {
    Script s(reduced_hooks);
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    Round held(s, 1);
    held.file(1, NST_ns_type_uts, uts);
    held.end();
    s.die(100);
    s.snapshot(2);
    EXPECT_TRUE(s.ns(uts));
    Round free(s, 2);
    free.end();
    s.snapshot(3);
    EXPECT_FALSE(s.ns(uts));
}

TEST(Resync, TasksItProvesGoneAreNamed) {
    Script s;
    s.fork({.tid = 100, .comm = "lost"});
    s.gap();
    s.forget(100);
    s.snapshot(2);
    ASSERT_EQ(s.last.dropped.size(), 1U);
    EXPECT_EQ(s.last.dropped[0].tid, 100U);
    EXPECT_TRUE(s.last.became_certain);
}

TEST(Resync, ASynthesizedReleaseIsOfNoConsequence) {
    Script s;
    s.fork({.tid = 100});
    nst_task_release event{};
    event.task = s.of(100).ref;
    event.via = NST_release_via_resync;
    s.emit(event);
    EXPECT_TRUE(s.task(100)) << "what it tells the model has found out itself; the key is reused";
}

TEST(Resync, TheInitOfANamespaceWhoseBirthWasLostIsFoundAgain) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    nst_namespace other = s.look_ns(inner);
    other.ns_key ^= 0x1000;  // another one by now: a death and a birth were lost
    s.gap();
    s.snapshot_begin(2);
    other.round = 2;
    s.ns_seen(other);
    for (const std::uint32_t tid : {1U, 2U, 100U}) {
        s.seen(tid);
    }
    s.snapshot_end(2);
    ASSERT_TRUE(s.ns(inner)->reaper());
    EXPECT_EQ(s.ns(inner)->reaper()->tid(), 100U);
}

}  // namespace
}  // namespace nstrail::test
