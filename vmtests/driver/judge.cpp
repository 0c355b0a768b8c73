// SPDX-License-Identifier: Apache-2.0
#include "judge.hpp"

#include <cstdint>
#include <ctime>
#include <optional>
#include <thread>

#include <unistd.h>

namespace vmtests {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Seconds lsns_limit = 60s;
// The agent looks at open files, sockets and mounts every 30 s.
constexpr Seconds holders_limit = 90s;

std::uint64_t boottime_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

void append(Differences& to, const std::vector<std::string>& lines) {
    to.insert(to.end(), lines.begin(), lines.end());
}

void report(Results& results, const std::string& name, const Differences& differences,
            const std::string& ok) {
    if (differences.empty()) {
        results.line("ok " + name + ": " + ok);
        return;
    }
    std::string all;
    for (const std::string& line : differences)
        all += line + '\n';
    results.file(name + "/differences.txt", all);
    const std::size_t more = differences.size() - 1;
    results.line(
        "not ok " + name + ": " + differences.front() +
        (more > 0 ? " (and " + std::to_string(more) + " more: " + name + "/differences.txt)" : ""));
}

std::expected<Judge::Document, std::string> Judge::fresh_tree() const {
    pid_t pid = 0;
    const auto text = run({options_.nstrail, "tree", "--json", "--tasks"}, ready_limit, &pid);
    if (!text) return std::unexpected(text.error());
    auto tree = parse_json(*text);
    if (!tree) return std::unexpected(tree.error());
    return Document{std::move(*tree), pid};
}

Differences Judge::compare(const std::string& who, const std::string& name, const Take& take,
                           bool with_lsns, bool past_loss) {
    Differences differences;
    json tree;
    std::string lsns;
    // A document that agrees with what /proc says after it needs no reading before it; only where
    // it differs does it matter whether the machine stood still.
    std::optional<Truth> before;
    const auto until = Clock::now() + patience_;
    do {
        // The first differences may be what the agent has not drained yet.
        if (!differences.empty()) std::this_thread::sleep_for(200ms);
        differences.clear();
        const auto add = [&](const std::vector<std::string>& lines) {
            for (const std::string& line : lines)
                differences.push_back(who + line);
        };
        auto document = take();
        const auto counted = with_lsns ? run({"lsns", "--json", "-o", "NS,TYPE,NPROCS"}, lsns_limit)
                                       : std::expected<std::string, std::string>("");
        const auto after = read_truth();
        if (!after) {
            differences = {"/proc: " + after.error()};
            continue;
        }
        const std::string moved = before ? moved_between(*before, *after) : std::string();
        before = *after;
        if (!document) {
            differences = {who + document.error()};
            continue;
        }
        tree = std::move(document->tree);
        add(compare_tree(tree, *after, {.own_tgid = document->own_tgid, .past_loss = past_loss}));
        add(claims_.compare_tree(tree, with_lsns ? Claims::Tree::tracked : Claims::Tree::fresh));
        tasks_ = after->tasks.size();
        namespaces_ = after->namespaces.size();
        if (with_lsns && !counted) {
            differences.push_back(who + counted.error());
        } else if (with_lsns) {
            lsns = *counted;
            try {
                add(compare_lsns(tree, read_lsns(lsns), after->tasks.at(::getpid())));
            } catch (const json::exception& error) {
                differences.push_back(std::string("lsns: ") + error.what());
            }
        }
        if (!differences.empty() && !moved.empty()) {
            differences = {who + "the machine does not settle: " + moved};
        }
    } while (!differences.empty() && Clock::now() < until);
    results_.file(name + ".tree.json", tree.dump(1) + '\n');
    if (with_lsns) results_.file(name + ".lsns.json", lsns);
    return differences;
}

Differences Judge::agent_only(const Agent& agent, const std::string& name,
                              const std::string& where) {
    const auto take = [&]() -> std::expected<Document, std::string> {
        auto tree = agent.tree();
        if (!tree) return std::unexpected(tree.error());
        return Document{std::move(*tree), 0};
    };
    return compare("agent at " + where + ": ", name + ".agent", take, true, past_loss_);
}

Differences Judge::hold(const Agent& agent, const std::string& name, const std::string& where) {
    const Claims claims = claims_;
    if (!last_pids_) claims_.without_last_pids();
    Differences differences = agent_only(agent, name, where);
    claims_ = claims;
    if (fresh_) {
        append(differences, compare(
                                "tree at " + where + ": ", name + ".fresh",
                                [this] { return fresh_tree(); }, false, false));
    }
    append(differences, holders(agent, name, where));
    claims_.clear();
    return differences;
}

Differences Judge::compare_holders(const std::string& who, const std::string& name, Inum inum,
                                   const TakeAnswer& take) const {
    Differences differences;
    json answer;
    const auto until = Clock::now() + patience_;
    do {
        if (!differences.empty()) std::this_thread::sleep_for(200ms);
        differences.clear();
        auto taken = take();
        if (!taken) {
            differences = {who + taken.error()};
            continue;
        }
        answer = std::move(*taken);
        for (const std::string& line : claims_.compare_why(answer, inum))
            differences.push_back(who + line);
    } while (!differences.empty() && Clock::now() < until);
    results_.file(name + ".json", answer.dump(1) + '\n');
    return differences;
}

Differences Judge::holders(const Agent& agent, const std::string& name,
                           const std::string& where) const {
    Differences differences;
    const std::uint64_t now = boottime_ns();
    for (const Inum inum : claims_.held()) {
        if (!fresh_) break;
        const auto take = [&]() -> std::expected<json, std::string> {
            const auto text =
                run({options_.nstrail, "why", std::to_string(inum), "--json"}, ready_limit);
            if (!text) return std::unexpected(text.error());
            return parse_json(*text);
        };
        append(differences,
               compare_holders("why at " + where + ": ",
                               name + ".why-" + std::to_string(inum) + ".fresh", inum, take));
    }
    for (const Inum inum : claims_.held()) {
        // Until the agent has looked since the machine stands still.
        const auto take = [&]() -> std::expected<json, std::string> {
            const auto until = Clock::now() + holders_limit;
            while (true) {
                const auto text = agent.text("/api/v1/why/" + std::to_string(inum));
                if (!text) return std::unexpected(text.error());
                auto answer = parse_json(*text);
                if (!answer) return std::unexpected(answer.error());
                const json looked = answer->value("looked_at_boot_ns", json());
                if (looked.is_number_unsigned() && looked.get<std::uint64_t>() > now) return answer;
                if (Clock::now() > until) {
                    return std::unexpected("the agent has not looked at open files since: " +
                                           answer->dump());
                }
                std::this_thread::sleep_for(500ms);
            }
        };
        append(differences,
               compare_holders("agent at " + where + ": ",
                               name + ".why-" + std::to_string(inum) + ".agent", inum, take));
    }
    return differences;
}

Differences left_behind(const Agent& agent, const std::vector<NamespaceKey>& before,
                        Seconds limit) {
    // Some namespaces go only with a work queue (net) or an RCU grace period.
    const auto until = Clock::now() + limit;
    while (true) {
        const auto tree = agent.tree();
        if (!tree) return {"agent: " + tree.error()};
        const std::vector<NamespaceKey> left = namespaces_beyond(*tree, before);
        if (left.empty()) return {};
        if (Clock::now() > until) {
            Differences differences;
            for (const NamespaceKey& key : left) {
                differences.push_back("agent: " + key.type + " namespace " +
                                      std::to_string(key.inum) + " is still tracked at the end");
            }
            return differences;
        }
        std::this_thread::sleep_for(200ms);
    }
}

}  // namespace vmtests
