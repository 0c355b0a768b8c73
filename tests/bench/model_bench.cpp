// SPDX-License-Identifier: Apache-2.0
// What the model costs: memory, the longest that one event takes, and throughput. scripts/bench
// runs it and writes the table. Times are CPU time of the one thread that is the writer.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/crowd.hpp"
#include "bench/recorded.hpp"
#include "sink/findings.hpp"

namespace nstrail::test {
namespace {

constexpr Crowd::Size large{.tasks = million, .containers = 20'000};

/// The longest event since the last call, in microseconds.
double take_longest(Crowd& crowd) {
    const Longest longest = crowd.longest;
    crowd.longest = {};
    return static_cast<double>(longest.ns) / 1000;
}

void sweep(Crowd& crowd) {
    while (!crowd.world.certain()) {
        crowd.tick();
    }
}

void tell_all(Crowd& crowd, std::uint32_t round) {
    crowd.begin_round(round);
    for (std::uint32_t i = 0; i < crowd.size().tasks; i++) {
        crowd.seen(i);
    }
}

// -- Memory: of one million processes in 20,000 containers with five namespaces each.
void memory(benchmark::State& state) {
    for (auto _ : state) {
        const std::uint64_t before = bytes_in_use();
        const auto count = [&] { return static_cast<double>(bytes_in_use() - before) / 1e6; };
        Crowd crowd(large);
        state.counters["empty_MB"] = count();
        crowd.all_born();
        state.counters["1M_tasks_100k_namespaces_MB"] = count();
        {
            const View held = crowd.world.view();
            for (std::uint32_t i = 0; i < large.tasks; i++) {
                crowd.executed(i);
            }
            state.counters["with_a_view_held_and_every_task_changed_since_MB"] = count();
        }
        state.counters["after_the_view_is_dropped_MB"] = count();
    }
}
BENCHMARK(memory)->Iterations(1)->Unit(benchmark::kMillisecond);

// -- The longest event, in microseconds, with one million tasks.
void longest_births(benchmark::State& state) {
    for (auto _ : state) {
        Crowd crowd(large);
        crowd.timed = true;
        crowd.all_born();
        state.counters["growing_by_births_us"] = take_longest(crowd);
        // Everything is known, a quarter goes while it is told.
        crowd.begin_round(2);
        for (std::uint32_t i = 0; i < large.tasks; i++) {
            if (i % 4 == 3) {
                crowd.exited(i);
                crowd.released(i);
            }
            crowd.seen(i);
        }
        state.counters["snapshot_of_known_tasks_a_quarter_exits_us"] = take_longest(crowd);
        crowd.end_round(2);
        state.counters["its_end_mark_us"] = take_longest(crowd);
        sweep(crowd);
        state.counters["its_sweep_us"] = take_longest(crowd);
        for (std::uint32_t i = 3; i < large.tasks; i += 4) {
            crowd.born(i);
        }
        state.counters["births_into_freed_slots_us"] = take_longest(crowd);
        // The exits of half of all were lost.
        crowd.gap();
        crowd.begin_round(3);
        for (std::uint32_t i = 0; i < large.tasks; i += 2) {
            crowd.seen(i);
        }
        crowd.end_round(3);
        crowd.longest = {};
        sweep(crowd);
        state.counters["sweep_that_drops_half_us"] = take_longest(crowd);
    }
}
BENCHMARK(longest_births)->Iterations(1)->Unit(benchmark::kMillisecond);

void longest_snapshot(benchmark::State& state) {
    for (auto _ : state) {
        Crowd crowd(large);
        crowd.timed = true;
        crowd.gap();
        tell_all(crowd, 2);
        state.counters["snapshot_of_unknown_tasks_us"] = take_longest(crowd);
        crowd.end_round(2);
        state.counters["end_mark_us"] = take_longest(crowd);
        sweep(crowd);
        crowd.longest = {};
        // After a view every first write to a page copies it.
        std::mt19937 random(1);
        double first = 0;
        for (int turn = 0; turn < 200; turn++) {
            const View view = crowd.world.view();
            crowd.executed(static_cast<std::uint32_t>(random()) % large.tasks);
            first = std::max(first, take_longest(crowd));
        }
        state.counters["exec_first_after_view_us"] = first;
        {
            const View view = crowd.world.view();
            for (int turn = 0; turn < 100'000; turn++) {
                crowd.replaced(random());
            }
            state.counters["exit_and_birth_view_held_us"] = take_longest(crowd);
        }
        for (std::uint32_t i = 0; i < large.tasks; i++) {
            crowd.own_nsproxy(i);
        }
        state.counters["a_million_sets_us"] = take_longest(crowd);
        // Namespaces end whose tasks' exits were lost.
        for (std::uint32_t container = 0; container < 1000; container++) {
            crowd.freed(container);
        }
        state.counters["orphans_among_a_million_sets_us"] = take_longest(crowd);
        for (std::uint32_t i = large.tasks; i-- > 0;) {
            crowd.exited(i);
            crowd.released(i);
        }
        for (std::uint32_t container = 1000; container < large.containers; container++) {
            crowd.freed(container);
        }
        state.counters["all_exit_us"] = take_longest(crowd);
    }
}
BENCHMARK(longest_snapshot)->Iterations(1)->Unit(benchmark::kMillisecond);

void longest_pending(benchmark::State& state) {
    for (auto _ : state) {
        Crowd crowd(large);
        crowd.timed = true;
        crowd.gap();
        crowd.begin_round(2);
        for (std::uint32_t i = 0; i < large.tasks; i++) {
            crowd.executed(i);
        }
        state.counters["a_million_execs_ahead_of_the_snapshot_us"] = take_longest(crowd);
        for (std::uint32_t i = 0; i < large.tasks; i++) {
            crowd.seen(i);
        }
        crowd.end_round(2);
        state.counters["then_the_snapshot_us"] = take_longest(crowd);
    }
}
BENCHMARK(longest_pending)->Iterations(1)->Unit(benchmark::kMillisecond);

// -- Throughput.
void lives(benchmark::State& state, Crowd& crowd) {
    std::mt19937 random(1);
    for (auto _ : state) {
        crowd.replaced(random());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * Crowd::life_events);
}

void fork_and_exit(benchmark::State& state) {
    lives(state, *crowd_of(static_cast<std::uint32_t>(state.range(0))));
}
BENCHMARK(fork_and_exit)->Arg(1'000)->Arg(10'000)->Arg(100'000)->Arg(million);

void must_be_clean(benchmark::State& state, const Checker& checker) {
    const Findings& found = checker.findings();
    if (found.violations() + found.unknown() != 0) {
        state.SkipWithError(finding_text(found.findings.front()).c_str());
    }
}

/// The same with all rules: what they add.
void fork_and_exit_with_rules(benchmark::State& state) {
    const auto crowd = crowd_of(static_cast<std::uint32_t>(state.range(0)), Crowd::With::rules);
    lives(state, *crowd);
    must_be_clean(state, *crowd->checker);
}
BENCHMARK(fork_and_exit_with_rules)->Arg(1'000)->Arg(10'000)->Arg(100'000)->Arg(million);

/// The same of tasks that so many nested pid namespaces number each.
void fork_and_exit_nested(benchmark::State& state) {
    constexpr std::uint32_t tasks = 10'000;
    Crowd crowd({.tasks = tasks,
                 .containers = tasks / 50,
                 .levels = static_cast<std::uint32_t>(state.range(0))},
                Crowd::With::rules);
    crowd.all_born();
    lives(state, crowd);
    must_be_clean(state, *crowd.checker);
}
BENCHMARK(fork_and_exit_nested)->Arg(2)->Arg(8)->Arg(32);

// -- Snapshots, with all rules: what the kernel takes to tell them is not in it.
/// All tasks are told again that are known, and found to be so: a resync.
void resync(benchmark::State& state) {
    const auto crowd = crowd_of(static_cast<std::uint32_t>(state.range(0)), Crowd::With::rules);
    std::uint32_t round = 1;
    for (auto _ : state) {
        crowd->gap();
        tell_all(*crowd, ++round);
        crowd->end_round(round);
        sweep(*crowd);
    }
}
BENCHMARK(resync)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

/// The first: none is known.
void snapshot(benchmark::State& state) {
    const auto tasks = static_cast<std::uint32_t>(state.range(0));
    for (auto _ : state) {
        state.PauseTiming();
        auto crowd = std::make_unique<Crowd>(Crowd::Size{.tasks = tasks, .containers = tasks / 50},
                                             Crowd::With::rules);
        state.ResumeTiming();
        crowd->gap();
        tell_all(*crowd, 2);
        crowd->end_round(2);
        sweep(*crowd);
        state.PauseTiming();
        crowd.reset();
        state.ResumeTiming();
    }
}
BENCHMARK(snapshot)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

// -- A recorded stream, told to a new World each time: what one event of it costs.
template <class Take>
void tell_recording(benchmark::State& state, Take&& take_all) {
    const auto& events = recorded_stream();
    while (state.KeepRunningBatch(static_cast<std::int64_t>(events.size()))) {
        state.PauseTiming();
        auto world = std::make_unique<World>();
        take_all(*world, events);  // which times what counts
        world.reset();
        state.ResumeTiming();
    }
}

void recorded_event(benchmark::State& state) {
    tell_recording(state, [&](World& world, const std::vector<EventBuffer>& events) {
        state.ResumeTiming();
        for (const EventBuffer& event : events) {
            benchmark::DoNotOptimize(world.apply(*event.event()));
        }
        state.PauseTiming();
    });
}
BENCHMARK(recorded_event);

void recorded_event_with_rules(benchmark::State& state) {
    tell_recording(state, [&](World& world, const std::vector<EventBuffer>& events) {
        const auto checker = std::make_unique<Checker>(world);
        state.ResumeTiming();
        for (const EventBuffer& event : events) {
            benchmark::DoNotOptimize(checker->apply(*event.event()));
        }
        state.PauseTiming();
        must_be_clean(state, *checker);
    });
}
BENCHMARK(recorded_event_with_rules);

/// The same stream as one session after another: nothing is new but what happens, as in an agent
/// that has been at work for long.
template <class Take>
void tell_again(benchmark::State& state, Take&& take) {
    const auto& events = recorded_stream();
    while (state.KeepRunningBatch(static_cast<std::int64_t>(events.size()))) {
        for (const EventBuffer& event : events) {
            take(*event.event());
        }
    }
}

void repeated_event(benchmark::State& state) {
    World world;
    tell_again(state, [&](const Event& event) { benchmark::DoNotOptimize(world.apply(event)); });
}
BENCHMARK(repeated_event);

void repeated_event_with_rules(benchmark::State& state) {
    World world;
    Checker checker(world);
    tell_again(state, [&](const Event& event) { benchmark::DoNotOptimize(checker.apply(event)); });
    must_be_clean(state, checker);
}
BENCHMARK(repeated_event_with_rules);

/// What one event of each kind takes, model and rules, in that stream.
void event_of_each_kind(benchmark::State& state) {
    using Clock = std::chrono::steady_clock;
    const auto& events = recorded_stream();
    World world;
    Checker checker(world);
    struct Sum {
        std::uint64_t events = 0;
        Clock::duration took{};
    };
    std::array<Sum, NST_KIND_end> sums{};
    const auto tell_all_of = [&](Sum* of_clock) {
        for (const EventBuffer& event : events) {
            const Event decoded = *event.event();
            const auto began = Clock::now();
            checker.apply(decoded);
            const auto ended = Clock::now();
            Sum& sum = sums[decoded.kind()];
            sum.events++;
            sum.took += ended - began;
            if (of_clock != nullptr) {
                of_clock->events++;
                of_clock->took += Clock::now() - ended;
            }
        }
    };
    Sum of_clock;
    tell_all_of(&of_clock);  // which gets all going too
    sums = {};
    for (auto _ : state) {
        tell_all_of(nullptr);
    }
    const auto mean = [](const Sum& sum) {
        return std::chrono::duration<double, std::nano>(sum.took).count() /
               static_cast<double>(sum.events);
    };
    for (std::size_t kind = 0; kind < sums.size(); kind++) {
        if (sums[kind].events != 0) {
            const std::string name(kind_name(static_cast<Kind>(kind)));
            state.counters[name + "_ns"] = mean(sums[kind]) - mean(of_clock);
        }
    }
    must_be_clean(state, checker);
}
BENCHMARK(event_of_each_kind)->Iterations(50);

/// Lives of processes with readers that take a View, walk all tasks in it and take the next.
void fork_and_exit_readers(benchmark::State& state) {
    constexpr std::uint32_t tasks = 100'000;
    const auto crowd = crowd_of(tasks);
    std::mutex lock;
    std::optional<View> latest;
    std::atomic<bool> asked = false;
    std::atomic<std::uint64_t> walks = 0;
    std::vector<std::jthread> readers;
    for (int reader = 0; reader < state.range(0); reader++) {
        readers.emplace_back([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                std::optional<View> mine;
                {
                    const std::scoped_lock hold(lock);
                    mine.swap(latest);
                }
                asked = true;
                if (!mine) {
                    std::this_thread::yield();
                    continue;
                }
                std::uint64_t zombies = 0;
                for (const Task& task : mine->tasks()) {
                    zombies += task.state() == TaskState::zombie ? 1 : 0;
                }
                benchmark::DoNotOptimize(zombies);
                walks++;
            }
        });
    }
    std::mt19937 random(1);
    std::uint64_t views = 0;
    for (auto _ : state) {
        crowd->replaced(random());
        if (asked.exchange(false)) {
            View made = crowd->world.view();
            const std::scoped_lock hold(lock);
            latest = std::move(made);
            views++;
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * Crowd::life_events);
    state.counters["views"] = static_cast<double>(views);
    state.counters["walks"] = static_cast<double>(walks);
}
BENCHMARK(fork_and_exit_readers)->Arg(0)->Arg(1)->Arg(4);

}  // namespace
}  // namespace nstrail::test

BENCHMARK_MAIN();
