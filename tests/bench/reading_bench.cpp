// SPDX-License-Identifier: Apache-2.0
// What readers pay: of one thing, and of a whole document, by how many tasks there are.
#include <memory>
#include <random>

#include <benchmark/benchmark.h>

#include "bench/crowd.hpp"
#include "sink/metrics.hpp"
#include "sink/tree.hpp"

namespace nstrail::test {
namespace {

Crowd& shared_crowd() {
    static const auto crowd = crowd_of(million);
    return *crowd;
}

void take_view(benchmark::State& state) {
    const World& world = shared_crowd().world;
    for (auto _ : state) {
        benchmark::DoNotOptimize(world.view());
    }
}
BENCHMARK(take_view);

void task_by_tid(benchmark::State& state) {
    const View view = shared_crowd().world.view();
    std::mt19937 random(1);
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            view.task(shared_crowd().tid(static_cast<std::uint32_t>(random()) % million)));
    }
}
BENCHMARK(task_by_tid);

void active_pid_namespace(benchmark::State& state) {
    const View view = shared_crowd().world.view();
    const Task task = *view.task(shared_crowd().tid(123'456));
    for (auto _ : state) {
        benchmark::DoNotOptimize(task.active_pid_namespace());
    }
}
BENCHMARK(active_pid_namespace);

void tgid_in(benchmark::State& state) {
    const View view = shared_crowd().world.view();
    const Task task = *view.task(shared_crowd().tid(123'456));
    const Namespace active = *task.active_pid_namespace();
    for (auto _ : state) {
        benchmark::DoNotOptimize(task.tgid_in(active));
    }
}
BENCHMARK(tgid_in);

void walk_tasks(benchmark::State& state) {
    const View view = shared_crowd().world.view();
    for (auto _ : state) {
        benchmark::DoNotOptimize(view.tasks().size());
    }
}
BENCHMARK(walk_tasks)->Unit(benchmark::kMillisecond);

/// What a scrape asks of the one who writes to the model, and what it then makes of it.
void scrape(benchmark::State& state) {
    const auto crowd = crowd_of(static_cast<std::uint32_t>(state.range(0)), Crowd::With::rules);
    const Checker& checker = *crowd->checker;
    std::size_t bytes = 0;
    for (auto _ : state) {
        const View view = crowd->world.view();
        const std::string text = metrics_text(view, {}, checker.findings(),
                                              checker.lookout().notices(), {}, {}, "bench");
        bytes = text.size();
    }
    state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(scrape)->Arg(10'000)->Arg(100'000)->Arg(million)->Unit(benchmark::kMillisecond);

void tree_document(benchmark::State& state) {
    const auto crowd = crowd_of(static_cast<std::uint32_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(tree_json(crowd->world.view(), {}));
    }
}
BENCHMARK(tree_document)->Arg(10'000)->Arg(100'000)->Arg(million)->Unit(benchmark::kMillisecond);

void tree_document_with_tasks(benchmark::State& state) {
    const auto crowd = crowd_of(static_cast<std::uint32_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            tree_json(crowd->world.view(), {.tasks = true, .types = {}, .note = {}}));
    }
}
BENCHMARK(tree_document_with_tasks)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Arg(million)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nstrail::test
