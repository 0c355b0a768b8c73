// SPDX-License-Identifier: Apache-2.0
// What is held against the budget of instructions (budget.py): fixed work, of which callgrind
// counts the steady part, on one thread.
//   budget_workloads                 prints what it was built by, then "NAME UNIT" of each workload
//   budget_workloads NAME [TIMES]    runs one, and prints how many of its units were counted
// With TIMES it does everything so often and says that it did it once, which must be found out.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <valgrind/callgrind.h>

#include "bench/crowd.hpp"
#include "bench/recorded.hpp"
#include "rules/checker.hpp"
#include "sink/metrics.hpp"
#include "sink/tree.hpp"
#include "source/recording.hpp"
#include "support/temp_dir.hpp"

namespace nstrail::test {
namespace {

std::uint64_t times = 1;

/// Runs `pass` once to get everything going, then counted so often. Returns the units counted.
template <class F>
std::uint64_t counted(std::uint64_t passes, std::uint64_t units_each, F&& pass) {
    pass();
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_TOGGLE_COLLECT;  // of this thread only
    for (std::uint64_t i = 0; i < passes * times; i++) {
        pass();
    }
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_STOP_INSTRUMENTATION;
    return passes * units_each;
}

/// Keeps the compiler from leaving out what a value is made of.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "m"(value) : "memory");
}

void fail_run(std::string_view why) {
    fmt::print(stderr, "budget_workloads: {}\n", why);
    std::exit(1);
}

void must_be_clean(const Checker& checker) {
    if (checker.findings().violations() + checker.findings().unknown() != 0) {
        fail_run("a rule finds something, which other streams would not cost");
    }
}

/// The stream of the test machine, one session after another.
template <class F>
std::uint64_t stream(std::uint64_t passes, F&& take) {
    const auto& events = recorded_stream();
    return counted(passes, events.size(), [&] {
        for (const EventBuffer& event : events) {
            take(event);
        }
    });
}

/// From the bytes of a record to an Event.
std::uint64_t decode() {
    return stream(20, [](const EventBuffer& event) {
        const auto decoded = event.event();
        keep(decoded);
    });
}

std::uint64_t model() {
    World world;
    return stream(10, [&](const EventBuffer& event) { world.apply(*event.event()); });
}

std::uint64_t rules() {
    World world;
    Checker checker(world);
    const auto units = stream(10, [&](const EventBuffer& event) { checker.apply(*event.event()); });
    must_be_clean(checker);
    return units;
}

constexpr std::uint32_t crowd_tasks = 5000;

/// The same for tasks that come and go among many.
std::uint64_t lives() {
    const auto crowd = crowd_of(crowd_tasks, Crowd::With::rules);
    std::mt19937 random(1);
    constexpr std::uint64_t lives_each = 500;
    const auto units = counted(4, lives_each * Crowd::life_events, [&] {
        for (std::uint64_t i = 0; i < lives_each; i++) {
            crowd->replaced(random());
        }
    });
    must_be_clean(*crowd->checker);
    return units;
}

/// A recording of the stream, made anew.
class Recording {
public:
    Recording() { write_recording(path(), false, events); }
    [[nodiscard]] std::unique_ptr<RecordingSource> open() const {
        auto source = RecordingSource::open(path());
        if (!source) {
            fail_run("cannot open the recording");
        }
        return std::move(*source);
    }
    const std::uint64_t events = recorded_stream().size() * 4;

private:
    [[nodiscard]] std::string path() const { return directory_.path() + "/recording"; }

    TempDir directory_;
};

std::uint64_t open_recording() {
    const Recording recording;
    return counted(2, 1, [&] { keep(recording.open()); });
}

/// All events of a recording that is open.
template <class F>
std::uint64_t from_recording(F&& take) {
    const Recording recording;
    constexpr std::uint64_t passes = 2;
    std::vector<std::unique_ptr<RecordingSource>> sources;
    for (std::uint64_t i = 0; i < 1 + (passes * times); i++) {
        sources.push_back(recording.open());
    }
    return counted(passes, recording.events, [&] {
        const auto source = std::move(sources.back());
        sources.pop_back();
        std::uint64_t told = 0;
        while (!source->ended()) {
            told += source->poll(take).value_or(0);
        }
        if (told != recording.events) {
            fail_run(fmt::format("{} events were told of {}", told, recording.events));
        }
    });
}

std::uint64_t read() {
    return from_recording([](const Event& event) { keep(event); });
}

std::uint64_t replay() {
    World world;
    Checker checker(world);
    const auto units = from_recording([&](const Event& event) { checker.apply(event); });
    must_be_clean(checker);
    return units;
}

/// What the thread that takes the events does for a recording. What it has filled waits in memory
/// until all is counted, so nothing is lost however slow the other thread is.
std::uint64_t write() {
    const TempDir directory;
    const auto writer = open_writer(directory.path());
    const auto units = stream(8, [&](const EventBuffer& event) { writer->write(*event.event()); });
    writer->flush();
    if (writer->figures().lost != 0) {
        fail_run("events were not recorded");
    }
    return units;
}

std::uint64_t tree() {
    const auto crowd = crowd_of(crowd_tasks);
    return counted(2, crowd->world.task_count(), [&] {
        keep(tree_json(crowd->world.view(), {.tasks = true, .types = {}, .note = {}}));
    });
}

std::uint64_t scrape() {
    const auto crowd = crowd_of(crowd_tasks, Crowd::With::rules);
    const Checker& checker = *crowd->checker;
    return counted(4, 1, [&] {
        keep(metrics_text(crowd->world.view(), {}, checker.findings(), checker.lookout().notices(),
                          {}, {}, "budget"));
    });
}

struct Workload {
    std::string_view name;
    std::string_view unit;
    std::uint64_t (*run)();
};
constexpr Workload workloads[] = {
    {"decode", "event", decode},
    {"model", "event", model},
    {"rules", "event", rules},
    {"lives", "event", lives},
    {"open", "recording", open_recording},
    {"read", "event", read},
    {"replay", "event", replay},
    {"write", "event", write},
    {"tree", "task", tree},
    {"scrape", "scrape", scrape},
};

int run(int argc, char** argv) {
    if (argc == 1) {
        fmt::print("{}, glibc {}\n", BUILT, gnu_get_libc_version());
        for (const Workload& one : workloads) {
            fmt::print("{} {}\n", one.name, one.unit);
        }
        return 0;
    }
    const std::string_view name = argv[1];
    const auto* found = std::ranges::find(workloads, name, &Workload::name);
    if (found == std::end(workloads)) {
        fail_run(fmt::format("there is no workload {}", name));
    }
    if (argc == 3) {
        const std::string_view text = argv[2];
        std::from_chars(text.data(), text.data() + text.size(), times);
    }
    fmt::print("{}\n", found->run());
    return 0;
}

}  // namespace
}  // namespace nstrail::test

int main(int argc, char** argv) {
    return nstrail::test::run(argc, argv);
}
