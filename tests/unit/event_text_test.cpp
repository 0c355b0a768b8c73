// SPDX-License-Identifier: Apache-2.0
// event/text: one line for people. Nothing in it harms a terminal, nothing in it is an address.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "event/format.hpp"
#include "unit/any_event.hpp"

namespace nstrail::test {
namespace {

/// Every key a number of its own that nothing else has.
class TellingKeys final : public Filler {
public:
    std::uint64_t number(std::uint64_t max, Format format) override {
        return format == Format::KEY ? key : max & 7;
    }
    std::string text(std::size_t /*most*/) override { return "name"; }
    std::uint32_t levels() override { return 2; }
    static constexpr std::uint64_t key = 0x5EEDC0DE5EEDC0DE;
};

TEST(EventText, ShowsNoKeys) {
    TellingKeys keys;
    for (const EventBuffer& buffer : every_kind(keys)) {
        const std::string line = to_text(*buffer.event());
        EXPECT_EQ(line.find(fmt::format("{:x}", TellingKeys::key)), std::string::npos) << line;
        EXPECT_EQ(line.find(fmt::format("{}", TellingKeys::key)), std::string::npos) << line;
        EXPECT_EQ(line.find("key"), std::string::npos) << line;
    }
}

TEST(EventText, IsOneLineWithoutControlCharacters) {
    for (unsigned seed = 0; seed < 200; seed++) {
        Random random(seed);
        for (const EventBuffer& buffer : every_kind(random)) {
            for (const char c : to_text(*buffer.event())) {
                ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)
                    << to_text(*buffer.event());
            }
        }
    }
}

TEST(EventText, ANameCannotMoveTheCursor) {
    nst_task_rename event{};
    event.header.kind = NST_KIND_task_rename;
    event.task.tid = event.task.tgid = 7;
    std::string("\x1B[2Jroot\n\xC2\x9B").copy(event.comm, 15);
    const auto buffer = EventBuffer::make(event);
    const std::string line = to_text(*buffer.event());
    EXPECT_NE(line.find("comm=?[2Jroot??"), std::string::npos) << line;
}

TEST(EventText, BeginsWithTheTimeAndTheKind) {
    nst_task_free event{};
    event.header.kind = NST_KIND_task_free;
    event.header.boot_ns = 12'345'678'901;
    event.task.tid = 8;
    event.task.tgid = 7;
    const auto buffer = EventBuffer::make(event);
    EXPECT_EQ(to_text(*buffer.event()), "     12.345678 task_free     task=7/8");
}

TEST(EventText, TellsOfASwitchWhatChanged) {
    nst_ns_switch event{};
    event.header.kind = NST_KIND_ns_switch;
    event.via = NST_switch_via_switched;
    event.before.nsproxy = 1;
    event.before.mnt = 100;
    event.before.net = 200;
    event.after = event.before;
    event.after.nsproxy = 2;
    event.after.net = 201;
    const auto changed = EventBuffer::make(event);
    const std::string line = to_text(*changed.event());
    EXPECT_NE(line.find("net=200→201"), std::string::npos) << line;
    EXPECT_EQ(line.find("mnt="), std::string::npos) << line;
    event.after = {};
    const auto left = EventBuffer::make(event);
    EXPECT_NE(to_text(*left.event()).find("nsproxy=NULL"), std::string::npos);
}

TEST(EventText, TheUnknownIsNotShownAs0) {
    nst_alloc_pid event{};
    event.header.kind = NST_KIND_alloc_pid;
    event.error = -17;
    event.levels = 2;
    const nst_pid_request numbers[] = {{.pid_namespace = 0, .nr = 0, .asked = 0, .last_pid = 0},
                                       {.pid_namespace = 5, .nr = 0, .asked = 9, .last_pid = 0}};
    const auto buffer = EventBuffer::make(event, std::span<const nst_pid_request>(numbers));
    const std::string line = to_text(*buffer.event());
    EXPECT_EQ(line.find("vpids=0"), std::string::npos) << line;
    EXPECT_EQ(line.find(":0"), std::string::npos) << line;
}

TEST(EventText, TellsACgroup) {
    nst_cgroup event{};
    event.header.kind = NST_KIND_cgroup;
    event.header.boot_ns = 1'000'000;
    event.id = 40;
    event.parent = 1;
    event.what = NST_cgroup_what_made;
    event.pids_used = 3;
    event.pids_max = 0xffffffff;
    std::string("web.service").copy(event.name, 255);
    const auto buffer = EventBuffer::make(event);
    EXPECT_EQ(to_text(*buffer.event()),
              "      0.001000 cgroup        id=40 parent=1 what=made round=0 pids_used=3 "
              "pids_max=none name=web.service");
    const auto root = EventBuffer::make(nst_cgroup{.header = event.header,
                                                   .id = 1,
                                                   .parent = 0,
                                                   .what = NST_cgroup_what_seen,
                                                   .round = 2,
                                                   .pids_used = 0,
                                                   .pids_max = 0,
                                                   .name = {}});
    EXPECT_EQ(to_text(*root.event()),
              "      0.001000 cgroup        id=1 what=seen round=2 pids_used=0");
}

TEST(EventText, TellsAHolderWithoutATask) {
    nst_ns_holder event{};
    event.header.kind = NST_KIND_ns_holder;
    event.type = NST_ns_type_net;
    event.inum = 7;
    event.what = NST_holder_what_mount;
    event.mnt = 8;
    event.round = 1;
    std::string("/run/netns/blue").copy(event.path, 255);
    const auto buffer = EventBuffer::make(event);
    const std::string line = to_text(*buffer.event());
    EXPECT_EQ(line.find("task="), std::string::npos) << line;
    EXPECT_NE(line.find("type=net inum=7 what=mount"), std::string::npos) << line;
    EXPECT_NE(line.find("path=/run/netns/blue"), std::string::npos) << line;
}

TEST(EventText, NamesTheInnermostNumberLast) {
    nst_free_pid event{};
    event.header.kind = NST_KIND_free_pid;
    event.levels = 3;
    const nst_pid_nr numbers[] = {{.pid_namespace = 1, .nr = 812},
                                  {.pid_namespace = 2, .nr = 15},
                                  {.pid_namespace = 3, .nr = 1}};
    const auto buffer = EventBuffer::make(event, std::span<const nst_pid_nr>(numbers));
    EXPECT_NE(to_text(*buffer.event()).find("vpids=812:15:1"), std::string::npos);
}

}  // namespace
}  // namespace nstrail::test
