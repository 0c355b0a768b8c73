// SPDX-License-Identifier: Apache-2.0
// One writer and several readers: whatever the writer does meanwhile, each View agrees with itself.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "bench/crowd.hpp"
#include "model/teardown.hpp"
#include "model/who.hpp"
#include "sink/board.hpp"
#include "support/adds_up.hpp"

namespace nstrail::test {
namespace {

constexpr Crowd::Size size{.tasks = 1'000, .containers = 25};

/// The first thing wrong with a View, read as readers do; empty = nothing.
std::string fault_of(const View& view, std::uint64_t& blockers) {
    if (const auto result = adds_up(view); !result) {
        return result.message();
    }
    Who who(view);
    for (const Namespace& ns : view.namespaces()) {
        const NsState state = ns.state();
        if ((state == NsState::empty) != (ns.population().tasks == 0) || ns.at(view).gone()) {
            return "a namespace is not in the state of its tasks";
        }
        (void)who.of(ns);
        if (const auto reaper = ns.reaper(); reaper && reaper->pid_in(ns) != 1U) {
            return "a reaper is not number 1";
        }
        if (state == NsState::dying || state == NsState::zapping) {
            const auto found = blockers_of(view, ns);
            if (found.empty() == (state == NsState::zapping)) {
                return "zapping, and nobody is waited for";
            }
            blockers += found.size();
        }
    }
    for (const Task& task : view.tasks()) {
        const auto active = task.active_pid_namespace();
        if (!active || task.pid_in(*active) != task.vpids().back().nr) {
            return "a task's number is not that of its pid namespace";
        }
        if (!task.exe().empty() && !task.exe().starts_with("/usr/lib/application/")) {
            return "a text was changed";
        }
        (void)who.of(task);
        (void)task.ppid();
        if (task.at(view).released()) {
            return "a task is not in its own View";
        }
    }
    return "";
}

struct Readings {
    std::mutex lock;
    std::string fault;
    std::atomic<std::uint64_t> views = 0;
    std::atomic<std::uint64_t> blockers = 0;
};

void read(ViewBoard& board, Readings& readings) {
    std::optional<View> before;
    std::optional<Task> kept;
    std::uint64_t blockers = 0;
    while (const auto seen = board.fresh(std::chrono::seconds(30))) {
        std::string fault = fault_of(seen->view, blockers);
        // A handle of the View before, in that one and in this one.
        if (kept) {
            const Task now = kept->at(seen->view);
            fault = now.released() == now.active_pid_namespace().has_value()
                        ? "a handle is half released"
                        : std::move(fault);
        }
        if (before && fault.empty()) {
            fault = fault_of(*before, blockers);
        }
        before = seen->view;
        kept = before->tasks().back();
        readings.views++;
        readings.blockers = blockers;
        if (!fault.empty()) {
            const std::scoped_lock hold(readings.lock);
            readings.fault = fault;
        }
    }
}

/// What a host does, in no order; after each act a reader who asks is given a View.
class Writer {
public:
    Writer(Crowd& crowd, ViewBoard& board) : crowd_(crowd), board_(board) {}

    void act() {
        const auto i = static_cast<std::uint32_t>(random_()) % size.tasks;
        switch (random_() % 64) {
            case 0:
                restart(i / crowd_.per_container());
                break;
            case 1:
                crowd_.gap();
                break;
            case 2:
                snapshot();
                break;
            case 3:
            case 4:
                crowd_.own_nsproxy(i);
                break;
            case 5:
            case 6:
            case 7:
                crowd_.executed(i);
                break;
            default:
                if (!crowd_.init(i)) {
                    crowd_.exited(i);
                    show();
                    crowd_.released(i);
                    show();
                    crowd_.born(i);
                }
        }
        show();
    }

private:
    void show() {
        if (board_.wait(std::chrono::milliseconds(0))) {
            board_.publish(
                std::make_shared<const Publication>(Publication{.view = crowd_.world.view(),
                                                                .source = {},
                                                                .findings = {},
                                                                .notices = {},
                                                                .unready = {},
                                                                .note = {}}));
        }
    }
    /// All of a container goes, its init first and last, and comes again.
    void restart(std::uint32_t container) {
        const std::uint32_t first = container * crowd_.per_container();
        const std::uint32_t end = first + crowd_.per_container();
        for (std::uint32_t i = first; i < end; i++) {
            crowd_.exited(i);
            show();
        }
        for (std::uint32_t i = end; i-- > first;) {
            crowd_.released(i);
            show();
        }
        crowd_.freed(container);
        for (std::uint32_t i = first; i < end; i++) {
            crowd_.born(i);
            show();
        }
    }
    void snapshot() {
        crowd_.begin_round(++round_);
        for (std::uint32_t i = 0; i < size.tasks; i++) {
            crowd_.seen(i);
            if (i % 50 == 0) {
                show();
            }
        }
        crowd_.end_round(round_);
    }

    Crowd& crowd_;
    ViewBoard& board_;
    std::mt19937 random_{5};
    std::uint32_t round_ = 1;
};

TEST(Readers, SeeAWorldThatAgreesWithItself) {
    Crowd crowd(size);
    crowd.all_born();
    ViewBoard board;
    Readings readings;
    {
        std::vector<std::jthread> readers;
        for (int i = 0; i < 4; i++) {
            readers.emplace_back([&] { read(board, readings); });
        }
        Writer writer(crowd, board);
        for (int i = 0; i < 4'000 || (readings.views < 40 && i < 400'000); i++) {
            writer.act();
        }
        board.close();
    }
    EXPECT_EQ(readings.fault, "");
    EXPECT_GE(readings.views, 40U);
    EXPECT_TRUE(adds_up(crowd.world.view()));
}

}  // namespace
}  // namespace nstrail::test
