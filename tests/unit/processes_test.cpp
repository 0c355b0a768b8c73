// SPDX-License-Identifier: Apache-2.0
// source/processes: a process is taken for the one that a snapshot told only if it started then.
#include "source/processes.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "model/kernel_bits.hpp"

namespace nstrail::test {
namespace {

// What proc(5) has: tid (name) state ppid … and the start as field 22.
const std::string tail =
    " S 1 1 1 0 -1 4194560 15000 2000000 80 1500 30 120 4000 900 20 0 1 0 71 170000000 3000 "
    "18446744073709551615 1 1 0 0 0\n";

TEST(Processes, ReadTheirStartFromStat) {
    EXPECT_EQ(start_ticks("1 (systemd)" + tail), 71U);
    // The name may hold anything.
    EXPECT_EQ(start_ticks("7 (a b) R 1 2 3)" + tail), 71U);
    EXPECT_EQ(start_ticks("7 ())" + tail), 71U);
    EXPECT_EQ(start_ticks("7 (\n)" + tail), 71U);
}

TEST(Processes, HaveNoStartInWhatIsNoStat) {
    for (const std::string& text :
         {std::string(), std::string("7"), std::string("7 (x)"), std::string("7 (x) S 1 1"),
          "7 (x" + tail, std::string("7 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 "),
          // Cut within the number: 71 could be 719.
          std::string("7 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 71"),
          std::string("7 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 x ")}) {
        EXPECT_FALSE(start_ticks(text)) << text;
    }
}

TEST(Processes, AreToldApartByTheirStart) {
    EXPECT_TRUE(same_start(71, 710'000'000, 100));
    EXPECT_TRUE(same_start(71, 719'999'999, 100));
    EXPECT_FALSE(same_start(71, 720'000'000, 100));
    EXPECT_FALSE(same_start(71, 709'999'999, 100));
    EXPECT_TRUE(same_start(71, 71'999'999, 1000));
}

nst_task_seen seen(std::uint32_t tid, std::uint64_t start) {
    nst_task_seen event{};
    event.task = {.key = tid, .start_boottime_ns = start, .tid = tid, .tgid = tid};
    return event;
}

/// A snapshot of this test alone, or of whom it is told.
class Stream {
public:
    Executables executables;
    std::vector<std::string> told;

    template <class T>
    void take(const T& event) {
        tell_made([&](const EventBuffer& buffer) { executables.take(*buffer.event()); }, event);
    }
    void mark(nst_mark_what what) {
        take(nst_mark{.header = {}, .what = static_cast<nst_u32>(what), .round = 1});
    }
    void snapshot(const std::vector<nst_task_seen>& tasks, bool loss = false) {
        mark(NST_mark_what_snapshot_begin);
        for (const nst_task_seen& task : tasks) {
            take(task);
        }
        if (loss) {
            take(nst_gap{});
        }
        mark(NST_mark_what_snapshot_end);
    }
    void finish() {
        while (executables.pending()) {
            executables.step([&](const EventBuffer& buffer) {
                const auto event = buffer.event();
                ASSERT_EQ(event->kind(), NST_KIND_task_exe);
                const auto& exe = event->as<nst_task_exe>();
                told.emplace_back(text_of(exe.path, sizeof(exe.path)));
            });
        }
    }
};

std::uint64_t own_start() {
    std::ifstream file("/proc/self/stat");
    std::stringstream text;
    text << file.rdbuf();
    return *start_ticks(text.str()) *
           (1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
}

TEST(Processes, TellTheirExecutable) {
    const auto self = static_cast<std::uint32_t>(getpid());
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
    ASSERT_GT(length, 0);
    Stream s;
    nst_task_seen thread = seen(self, own_start());
    thread.task.tgid = 1;
    nst_task_seen kernel_thread = seen(self, own_start());
    kernel_thread.flags = 0x200000;
    nst_task_seen zombie = seen(self, own_start());
    zombie.exit_state = exit_zombie;
    s.snapshot({seen(self, own_start()), seen(self, own_start() + 1'000'000'000),
                seen(0x7ffffff0, 5), thread, kernel_thread, zombie});
    s.finish();
    EXPECT_EQ(s.told, std::vector<std::string>{
                          std::string(path, static_cast<std::size_t>(length)).substr(0, 255)});
}

TEST(Processes, AreLookedAtOnceAfterASnapshotWithoutLoss) {
    const auto self = static_cast<std::uint32_t>(getpid());
    Stream s;
    EXPECT_FALSE(s.executables.pending());
    s.snapshot({seen(self, own_start())}, true);
    s.finish();
    EXPECT_EQ(s.told.size(), 1U);
    s.snapshot({seen(self, own_start()), seen(self, own_start())});
    s.finish();
    EXPECT_EQ(s.told.size(), 3U) << "what the snapshot before had lost";
    s.snapshot({seen(self, own_start())});
    EXPECT_FALSE(s.executables.pending());
}

}  // namespace
}  // namespace nstrail::test
