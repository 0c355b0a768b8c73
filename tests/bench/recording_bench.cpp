// SPDX-License-Identifier: Apache-2.0
// What it costs to write a recording, to read it, and to replay it with all rules; and what
// babeltrace2 takes to read the same one.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "bench/recorded.hpp"
#include "model/keyframe.hpp"
#include "rules/checker.hpp"
#include "source/recording.hpp"

namespace nstrail::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t events_wanted = 2'000'000;

std::string directory(bool compress) {
    return fs::temp_directory_path() /
           ("nstrail-bench-" + std::to_string(getpid()) + (compress ? "-zst" : "-ctf"));
}

const std::string& recording(bool compress) {
    static const auto made = [] {
        std::array<std::string, 2> paths;
        for (const bool compressed : {false, true}) {
            paths[compressed ? 1 : 0] = directory(compressed);
            write_recording(paths[compressed ? 1 : 0], compressed, events_wanted);
        }
        std::atexit([] {
            for (const bool compressed : {false, true}) {
                fs::remove_all(directory(compressed));
            }
        });
        return paths;
    }();
    return made[compress ? 1 : 0];
}

/// The thread that takes events; another brings them to their file.
void write_events(benchmark::State& state) {
    const std::string path = directory(false) + "-write";
    auto writer = open_writer(path);
    std::size_t written = 0;
    for (auto _ : state) {
        for (const EventBuffer& event : recorded_stream()) {
            writer->write(*event.event());
        }
        state.PauseTiming();
        writer->flush();
        state.ResumeTiming();
        written += recorded_stream().size();
    }
    if (writer->figures().lost != 0) {
        state.SkipWithError("events were lost");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(written));
    writer.reset();
    fs::remove_all(path);
}
BENCHMARK(write_events);

/// What memory gives to one CPU that does nothing but read it, which is as fast as anything that
/// comes from memory can be taken.
void read_memory(benchmark::State& state) {
    const std::vector<std::uint64_t> words((std::size_t{256} << 20) / sizeof(std::uint64_t), 1);
    for (auto _ : state) {
        benchmark::DoNotOptimize(std::accumulate(words.begin(), words.end(), std::uint64_t{0}));
    }
    state.SetBytesProcessed(state.iterations() *
                            static_cast<std::int64_t>(words.size() * sizeof(std::uint64_t)));
}
BENCHMARK(read_memory)->Unit(benchmark::kMillisecond);

std::uintmax_t bytes_in(const std::string& path) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
        bytes += entry.is_regular_file() ? entry.file_size() : 0;
    }
    return bytes;
}

template <class F>
void read_all(benchmark::State& state, bool compress, F&& take) {
    const std::string& path = recording(compress);
    std::size_t read = 0;
    for (auto _ : state) {
        auto source = RecordingSource::open(path);
        while (!(*source)->ended()) {
            const auto polled = (*source)->poll(take);
            read += polled.value_or(0);
        }
        if ((*source)->faults().damaged_places != 0) {
            state.SkipWithError("the recording is damaged");
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(read));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes_in(path)));
}

void decode_events(benchmark::State& state) {
    std::uint64_t sum = 0;
    read_all(state, false, [&](const Event& event) { sum += event.boot_ns(); });
    benchmark::DoNotOptimize(sum);
}
BENCHMARK(decode_events)->Unit(benchmark::kMillisecond)->UseRealTime();

/// All that this process does runs on one CPU while it lives: also no thread that reads ahead.
class OneCpu {
public:
    OneCpu() {
        sched_getaffinity(0, sizeof(before_), &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
        sched_setaffinity(0, sizeof(one), &one);
    }
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;
    ~OneCpu() { sched_setaffinity(0, sizeof(before_), &before_); }

private:
    cpu_set_t before_{};
};

void decode_events_on_one_cpu(benchmark::State& state) {
    const OneCpu one;
    decode_events(state);
}
BENCHMARK(decode_events_on_one_cpu)->Unit(benchmark::kMillisecond)->UseRealTime();

void decode_compressed_events(benchmark::State& state) {
    std::uint64_t sum = 0;
    read_all(state, true, [&](const Event& event) { sum += event.boot_ns(); });
    benchmark::DoNotOptimize(sum);
}
BENCHMARK(decode_compressed_events)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Model and all rules, which know the sessions apart. Returns how many events there were.
std::size_t replay_once(const std::string& path) {
    World world;
    Checker checker(world);
    std::size_t read = 0;
    auto source = RecordingSource::open(path);
    while (!(*source)->ended()) {
        const auto polled = (*source)->poll([&](const Event& event) { checker.apply(event); });
        read += polled.value_or(0);
    }
    return read;
}

void replay(benchmark::State& state, bool compress) {
    const std::string& path = recording(compress);
    std::size_t read = 0;
    for (auto _ : state) {
        read += replay_once(path);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(read));
}
void replay_events(benchmark::State& state) {
    replay(state, false);
}
void replay_compressed_events(benchmark::State& state) {
    replay(state, true);
}
BENCHMARK(replay_events)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(replay_compressed_events)->Unit(benchmark::kMillisecond)->UseRealTime();

void replay_events_on_one_cpu(benchmark::State& state) {
    const OneCpu one;
    replay(state, false);
}
BENCHMARK(replay_events_on_one_cpu)->Unit(benchmark::kMillisecond)->UseRealTime();

void replay_compressed_events_on_one_cpu(benchmark::State& state) {
    const OneCpu one;
    replay(state, true);
}
BENCHMARK(replay_compressed_events_on_one_cpu)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The directory of a recording of a gigabyte whose time goes on, with keyframes.
const std::string& gigabyte() {
    static const auto made = [] {
        const std::string path = directory(false) + "-gigabyte";
        fs::remove_all(path);
        std::vector<EventBuffer> stream = recorded_stream();
        const auto time_of = [](EventBuffer& event) -> nst_u64& {
            return reinterpret_cast<nst_header*>(event.bytes().data())->boot_ns;
        };
        nst_u64 first = ~0ULL;
        nst_u64 last = 0;
        for (EventBuffer& event : stream) {
            first = std::min(first, time_of(event));
            last = std::max(last, time_of(event));
        }
        const auto writer = open_writer(path);
        World world;
        while (writer->figures().bytes < 1'000'000'000) {
            for (EventBuffer& event : stream) {
                writer->write(*event.event());
                world.apply(*event.event());
                time_of(event) += last - first + 1;
            }
            if (writer->wants_keyframe()) {
                writer->keyframe(
                    [view = world.view()](const TellEvent& tell) { tell_keyframe(view, tell); });
            }
            writer->flush();
        }
        std::atexit([] { fs::remove_all(directory(false) + "-gigabyte"); });
        return path;
    }();
    return made;
}

/// All there was at some time, from opening the recording on.
void state_at_a_time_in_a_gigabyte(benchmark::State& state) {
    const std::string& path = gigabyte();
    std::uint64_t last = 0;
    {
        auto source = RecordingSource::open(path);
        while (!(*source)->ended()) {
            (void)(*source)->poll([](const Event&) {});
        }
        last = (*source)->recorded_ns();
    }
    std::mt19937_64 random(1);
    double longest = 0;
    std::uint64_t replayed = 0;
    for (auto _ : state) {
        const auto began = std::chrono::steady_clock::now();
        auto source = RecordingSource::open(path);
        const std::uint64_t first = (*source)->first_ns();
        const std::uint64_t when = first + (random() % (last - first));
        (*source)->start_at(when);
        (*source)->end_at(when);
        World world;
        Checker checker(world);
        while (!(*source)->ended()) {
            replayed +=
                (*source)->poll([&](const Event& event) { checker.apply(event); }).value_or(0);
        }
        benchmark::DoNotOptimize(world.view());
        longest = std::max(longest, std::chrono::duration<double, std::milli>(
                                        std::chrono::steady_clock::now() - began)
                                        .count());
    }
    state.counters["longest_ms"] = longest;
    state.counters["events"] =
        benchmark::Counter(static_cast<double>(replayed), benchmark::Counter::kAvgIterations);
}
BENCHMARK(state_at_a_time_in_a_gigabyte)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Another reader of the same recording, which reads all and shows nothing; in turn with a replay
/// with model and all rules. In a process of its own, so by the clock.
void babeltrace2_dummy(benchmark::State& state) {
    if (std::system("command -v babeltrace2 > /dev/null") != 0) {
        state.SkipWithError("there is no babeltrace2");
        return;
    }
    const std::string& path = recording(false);
    const std::string command = "babeltrace2 " + path + " -o dummy > /dev/null 2>&1";
    using Clock = std::chrono::steady_clock;
    std::chrono::duration<double> ours{};
    std::chrono::duration<double> theirs{};
    for (auto _ : state) {
        const auto began = Clock::now();
        if (std::system(command.c_str()) != 0) {
            state.SkipWithError("babeltrace2 failed");
        }
        theirs = Clock::now() - began;
        state.PauseTiming();
        const auto between = Clock::now();
        replay_once(path);
        ours = Clock::now() - between;
        state.ResumeTiming();
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(events_wanted));
    state.counters["replay_with_all_rules_faster_than_babeltrace2_by_times"] = theirs / ours;
}
BENCHMARK(babeltrace2_dummy)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace nstrail::test
