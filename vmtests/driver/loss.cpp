// SPDX-License-Identifier: Apache-2.0
#include "loss.hpp"

#include <algorithm>
#include <csignal>
#include <future>
#include <iterator>
#include <sstream>
#include <thread>

#include <sched.h>

#include "agent.hpp"
#include "judge.hpp"
#include "kernel_counts.hpp"
#include "load.hpp"
#include "names.hpp"
#include "rules.hpp"

namespace vmtests {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Emulation is slow, and a loaded host makes it slower; only failures take this long.
constexpr Seconds certain_limit = 90s;
constexpr Seconds settle_limit = 30s;
constexpr Seconds gone_limit = 30s;
// The agent looks at open files, sockets and mounts every 30 s.
constexpr Seconds settled_limit = 90s;
constexpr Seconds still_limit = 120s;
constexpr Seconds books_limit = 30s;
// An agent that is stopped answers nobody, however long one waits.
constexpr Seconds silence = 500ms;
constexpr int port_offset = 1;  // not the port of the scenes' agent
// In full mode a whole life is told in at least: alloc_pid, task_new, task_exit, ns_switch,
// task_release, free_pid.
constexpr std::uint64_t events_per_life = 6;

enum class Agents {
    last,     // runs when nobody else wants to
    halting,  // is stopped most of the time
    paused,   // is stopped while the load works
};
struct Case {
    const char* name;
    const char* ring;
    Agents agent;
    const char* flavour;  // of load
    int ms;
};
constexpr Case cases[] = {
    {"loss_tiny_ring", "64K", Agents::last, "tasks", 3000},
    {"loss_slow_agent", "64K", Agents::halting, "mixed", 4000},
    {"loss_paused_tasks", "128K", Agents::paused, "tasks", 3000},
    {"loss_paused_namespaces", "128K", Agents::paused, "namespaces", 4000},
};
// On a busy host a storm may leave the agent enough time; then it is halted for a moment as well.
constexpr int most_storms = 4;
constexpr Seconds moment = 1s;
// Long enough to fill the ring, and too short to recover.
constexpr Seconds halted = 150ms;
constexpr Seconds running = 5ms;

// What the agent said while the machine was or had been too fast for it.
struct Answers {
    std::size_t asked = 0;
    std::size_t uncertain = 0;
    std::size_t unready = 0;
    std::size_t certain = 0;  // with the machine standing still: held against /proc
};

class LossTest {
public:
    LossTest(const Case& test, const Options& options, Results& results)
        : test_(test),
          options_(options),
          results_(results),
          judge_(options, results, settle_limit) {
        judge_.allow_past_loss();
    }

    void run();

private:
    void during_storm(Agent& agent, Load& load);
    void while_stopped(Agent& agent, Load& load);
    void until_certain(const Agent& agent);
    void judge_document(const json& tree, const Truth* truth);
    void judge_remains(const Agent& agent, const std::vector<NamespaceKey>& first);
    void balance(const Agent& agent, const Metrics& before, std::uint64_t made);
    void fail(const std::string& line) { differences_.push_back(line); }
    std::string name(const char* what) const { return std::string(test_.name) + '/' + what; }

    const Case& test_;
    const Options& options_;
    Results& results_;
    Judge judge_;
    Differences differences_;
    Answers answers_;
    Load::Made made_;
    double lost_ = 0;
    double emitted_ = 0;
    double resyncs_ = 0;
    std::size_t settled_ = 0;  // namespaces that were in doubt when all was gone
};

// An answer is either in doubt and says so, or right. With no truth at hand only the first is
// judged.
void LossTest::judge_document(const json& tree, const Truth* truth) {
    ++answers_.asked;
    if (!tree.value("certain", false)) {
        ++answers_.uncertain;
        if (!tree.value("doubt", json()).is_string()) fail("a tree is not certain and says no why");
        return;
    }
    if (truth == nullptr) return;
    ++answers_.certain;
    const auto now = read_truth();
    if (!now || !moved_between(*truth, *now).empty()) return;  // a kernel worker came or went
    const Differences wrong = compare_tree(tree, *now, {.past_loss = true});
    if (wrong.empty()) return;
    results_.file(name("wrong.tree.json"), tree.dump(1) + '\n');
    for (const std::string& line : wrong)
        fail("an answer says it is certain and is wrong: " + line);
}

void LossTest::during_storm(Agent& agent, Load& load) {
    const auto ring_lost = [&] {
        const auto metrics = agent.metrics();
        return metrics ? metric_sum(*metrics, std::string(names::lost_metric), "ring") : 0;
    };
    if (test_.agent == Agents::last) {
        const sched_param none{.sched_priority = 0};
        ::sched_setscheduler(agent.process().pid(), SCHED_IDLE, &none);
    }
    const double before = ring_lost();
    // A storm may pass without a loss, or an agent make up for it before anybody has asked.
    const auto wanting = [&] {
        return ring_lost() <= before || (test_.agent == Agents::halting &&
                                         (answers_.uncertain == 0 || answers_.unready == 0));
    };
    for (int storm = 0; storm < most_storms && wanting(); ++storm) {
        load.order(test_.flavour, test_.ms);
        const auto still =
            std::async(std::launch::async, [&] { return load.still(still_limit); }).share();
        auto halting = std::async(std::launch::async, [&] {
            const auto halt = [&](Seconds time) {
                agent.process().signal(SIGSTOP);
                std::this_thread::sleep_for(time);
                agent.process().signal(SIGCONT);
            };
            if (storm > 0) halt(moment);
            while (test_.agent == Agents::halting &&
                   still.wait_for(running) != std::future_status::ready) {
                halt(halted);
            }
        });
        do {
            // Both at once, so that one and the same state answers them.
            auto ready = std::async(std::launch::async, [&] { return agent.is_ready(20s); });
            if (const auto tree = agent.tree()) judge_document(*tree, nullptr);
            answers_.unready += ready.get() ? 0 : 1;
        } while (still.wait_for(100ms) != std::future_status::ready);
        halting.wait();
        const auto made = still.get();
        if (!made) return fail(made.error());
        made_ = *made;
    }
}

void LossTest::while_stopped(Agent& agent, Load& load) {
    agent.process().signal(SIGSTOP);
    const auto made = load.run(test_.flavour, test_.ms);
    if (!made) return fail(made.error());
    made_ = *made;
    if (agent.is_ready(silence)) fail("/readyz says ready while the agent is stopped");
    ++answers_.unready;
    // Who asked during the pause is answered after it, out of what was not read yet.
    auto tree = std::async(std::launch::async, [&] { return agent.tree(certain_limit); });
    auto ready = std::async(std::launch::async, [&] { return agent.is_ready(certain_limit); });
    std::this_thread::sleep_for(silence);
    const auto truth = read_truth();
    agent.process().signal(SIGCONT);
    // The agent may be quick enough to have recovered by the time it answers.
    const auto answer = tree.get();
    answers_.unready += ready.get() ? 0 : 1;
    if (!answer) return fail("a tree asked for during the pause: " + answer.error());
    judge_document(*answer, truth ? &*truth : nullptr);
}

// The machine stands still: every answer is in doubt or right, until none is in doubt.
void LossTest::until_certain(const Agent& agent) {
    const auto started = Clock::now();
    int in_a_row = 0;
    while (in_a_row < 3) {
        const auto truth = read_truth();
        if (!truth) return fail("/proc: " + truth.error());
        const bool ready = agent.is_ready(20s);
        const auto tree = agent.tree();
        if (!tree) return fail("agent: " + tree.error());
        answers_.unready += ready ? 0 : 1;
        const bool certain = tree->value("certain", false);
        judge_document(*tree, &*truth);
        in_a_row = certain && ready ? in_a_row + 1 : 0;
        if (Clock::now() - started > certain_limit) {
            return fail("not certain again " + std::to_string(certain_limit.count()) +
                        " s after the load stood still");
        }
    }
}

// emitted = delivered + lost, with what was emitted as the kernel counts it.
void LossTest::balance(const Agent& agent, const Metrics& before, std::uint64_t made) {
    const std::string lost_series = std::string(names::lost_metric) + "{cause=\"ring\"}";
    const auto until = Clock::now() + books_limit;
    std::string wrong;
    Metrics now;
    // The agent reads the kernel's counts a few times a second.
    do {
        const auto kernel_before = read_kernel_counts();
        const auto metrics = agent.metrics();
        const auto kernel = read_kernel_counts();
        if (!kernel_before || !kernel) {
            return fail((kernel ? kernel_before : kernel).error());
        }
        if (!metrics) return fail("agent: " + metrics.error());
        now = *metrics;
        const auto emitted = metric(now, "nstrail_emitted_events_total");
        const auto delivered = metric(now, "nstrail_delivered_events_total");
        const auto lost = metric(now, lost_series);
        std::ostringstream text;
        text.precision(15);
        text << "emitted " << emitted << ", delivered " << delivered << ", lost " << lost
             << "; the kernel emitted " << kernel->emitted << " and dropped " << kernel->dropped;
        wrong = text.str();
        if (*kernel_before == *kernel && emitted == delivered + lost &&
            emitted == static_cast<double>(kernel->emitted) &&
            lost == static_cast<double>(kernel->dropped)) {
            wrong.clear();
        }
        if (!wrong.empty()) std::this_thread::sleep_for(300ms);
    } while (!wrong.empty() && Clock::now() < until);
    if (!wrong.empty()) return fail("the books: " + wrong);

    const auto grown = [&](const std::string& series) {
        return metric(now, series) - metric(before, series);
    };
    emitted_ = grown("nstrail_emitted_events_total");
    lost_ = grown(lost_series);
    resyncs_ = grown("nstrail_resyncs_total");
    if (lost_ <= 0) fail("nothing was lost: the test proves nothing");
    if (grown("nstrail_gaps_total{cause=\"ring\"}") <= 0) fail("no gap was counted");
    if (resyncs_ <= 0) fail("no resync was counted");
    if (metric(now, "nstrail_certain") != 1) fail("nstrail_certain is not 1");
    // What was made before and is still there was born and did not die.
    const auto truth = read_truth();
    const std::uint64_t alive = truth ? truth->tasks.size() : 0;
    const std::uint64_t least = made > alive ? (made - alive) * events_per_life : 0;
    if (options_.trace.empty() && emitted_ < static_cast<double>(least)) {
        fail("emitted " + std::to_string(emitted_) + " events for " + std::to_string(made) +
             " tasks");
    }
}

// All that the load made is gone, and the agent knows of it: where the end of a namespace was lost,
// the next look at what else holds namespaces settles it. Until then it is not certain of that one.
void LossTest::judge_remains(const Agent& agent, const std::vector<NamespaceKey>& first) {
    const auto started = Clock::now();
    while (true) {
        const auto tree = agent.tree();
        if (!tree) return fail("agent: " + tree.error());
        const std::vector<NamespaceKey> left = namespaces_beyond(*tree, first);
        const std::vector<NamespaceKey> doubtful = doubtful_namespaces(*tree);
        std::vector<NamespaceKey> claimed;
        std::ranges::set_difference(left, doubtful, std::back_inserter(claimed));
        if (left.empty()) return;
        const Seconds since = Clock::now() - started;
        if (since > (claimed.empty() ? settled_limit : gone_limit)) {
            for (const NamespaceKey& key : left) {
                const bool certain = std::ranges::binary_search(claimed, key);
                fail(
                    "agent: " + key.type + " namespace " + std::to_string(key.inum) +
                    (certain ? " is tracked for certain and gone" : " stays in doubt and is gone"));
            }
            return;
        }
        settled_ = std::max(settled_, left.size() - claimed.size());
        std::this_thread::sleep_for(300ms);
    }
}

void LossTest::run() {
    const auto started = Clock::now();
    auto agent = Agent::start(options_, test_.name, options_.port + port_offset,
                              {"--ring-size", test_.ring});
    if (!agent) return report(results_, test_.name, {agent.error()}, "");
    if (auto ready = agent->await_ready(); !ready) {
        return report(results_, test_.name, {ready.error()}, "");
    }
    std::vector<NamespaceKey> first;
    if (const auto tree = agent->tree()) first = namespaces_of(*tree);
    auto load = Load::start(options_);
    if (!load) return report(results_, test_.name, {load.error()}, "");
    // Something that is there before, to be taken away or kept.
    const auto prepared = load->run("namespaces", 500);
    if (!prepared) return report(results_, test_.name, {prepared.error()}, "");
    append(differences_, judge_.agent_only(*agent, name("before"), "the start"));
    const Metrics before = agent->metrics().value_or(Metrics{});

    if (test_.agent == Agents::paused) {
        while_stopped(*agent, *load);
    } else {
        during_storm(*agent, *load);
    }
    until_certain(*agent);
    append(differences_, judge_.hold(*agent, name("after"), "the end"));
    balance(*agent, before, made_.tasks - prepared->tasks);
    // The others may recover faster than one can ask.
    if (test_.agent == Agents::halting && (answers_.uncertain == 0 || answers_.unready == 0)) {
        fail("of " + std::to_string(answers_.asked) + " answers " +
             std::to_string(answers_.uncertain) + " were in doubt, and /readyz said no " +
             std::to_string(answers_.unready) + " times");
    }

    if (const std::string wrong = load->end(); !wrong.empty()) fail(wrong);
    judge_remains(*agent, first);
    append(differences_, judge_.agent_only(*agent, name("gone"), "the very end"));
    if (const auto metrics = agent->text("/metrics")) {
        results_.file(name("metrics.txt"), *metrics);
    }
    const Rules rules = judge_rules(*agent);
    append(differences_, rules.differences);
    if (const auto wrong = agent->end()) fail(*wrong);
    results_.file(name("agent.log"), read_whole(agent->log()));

    std::ostringstream ok;
    ok.precision(15);
    ok << emitted_ << " events emitted for " << made_.tasks - prepared->tasks << " tasks, " << lost_
       << " lost, " << resyncs_ << " resyncs; " << answers_.asked << " trees asked for, "
       << answers_.uncertain << " in doubt, " << answers_.certain << " certain and right; "
       << judge_.tasks() << " tasks agree";
    ok << "; rules: " << rules.said;
    if (settled_ > 0) ok << ", " << settled_ << " namespaces were in doubt for a while";
    ok.precision(3);
    ok << ", " << Seconds(Clock::now() - started).count() << " s";
    report(results_, test_.name, differences_, ok.str());
}

}  // namespace

std::vector<std::string> loss_tests() {
    std::vector<std::string> tests;
    for (const Case& test : cases)
        tests.emplace_back(test.name);
    return tests;
}

void test_loss(const Options& options, Results& results) {
    for (const Case& test : cases)
        LossTest(test, options, results).run();
}

}  // namespace vmtests
