// SPDX-License-Identifier: Apache-2.0
#include "sink/top_rows.hpp"

#include <algorithm>
#include <bit>
#include <ranges>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "model/teardown.hpp"
#include "model/who.hpp"
#include "model/why.hpp"
#include "sink/findings.hpp"
#include "sink/tree.hpp"
#include "sink/why.hpp"

namespace nstrail {

namespace {

// What a snapshot counted is called so for so long.
constexpr std::uint64_t fresh_ns = 3'000'000'000;
constexpr std::size_t most_named = 6;

using Numbers = boost::unordered_flat_map<std::uint32_t, std::uint64_t>;

/// How many tasks have a number in each pid namespace, by inum.
Numbers numbers_of(const View& view) {
    Numbers numbers;
    for (const Task& task : view.tasks()) {
        for (const nst_pid_nr& one : task.vpids()) {
            numbers[one.pid_namespace]++;
        }
    }
    return numbers;
}

std::uint64_t since(const View& view, std::uint64_t boot_ns) {
    return view.at_boot_ns() - std::min(boot_ns, view.at_boot_ns());
}

AtLeast age_of(const View& view, const Namespace& ns, const std::optional<Task>& reaper) {
    const NsRecord& record = ns.record();
    if (record.facts && record.level == 0) {
        return {.value = view.at_boot_ns(), .exact = true};
    }
    if (record.born) {
        return {.value = since(view, record.first_seen_ns), .exact = true};
    }
    // It was there when the trace began, and its init is no older than it.
    std::uint64_t known = record.first_seen_ns == 0 ? 0 : since(view, record.first_seen_ns);
    if (reaper) {
        known = std::max(known, since(view, reaper->start_boottime_ns()));
    }
    return {.value = known == 0 ? std::nullopt : std::optional(known), .exact = false};
}

/// The kernel counts them for snapshots, which the reduced mode takes all the time; else the tasks
/// are what is known. A number may be in use without a task: as that of a group or session whose
/// leader has gone.
AtLeast pids_of(const View& view, const Namespace& ns, const Numbers& numbers) {
    const NsRecord& record = ns.record();
    const auto found = numbers.find(ns.inum());
    const std::uint64_t counted = found == numbers.end() ? 0 : found->second;
    const bool fresh = record.pids_used_known && since(view, record.pids_told_ns) <= fresh_ns &&
                       view.session().mode == NST_attach_mode_reduced;
    if (fresh && record.pids_used >= counted) {
        return {.value = record.pids_used, .exact = true};
    }
    return {.value = counted, .exact = false};
}

std::optional<std::uint32_t> limit_of(const View& view, const Namespace& ns) {
    const std::uint32_t own = ns.record().pid_max;
    return own != 0 ? std::optional(own) : view.pid_max();
}

TopRow row_of(const View& view, const Namespace& ns, const Numbers& numbers, const Who& who) {
    const Population all = ns.population();
    const auto reaper = ns.reaper();
    const Whereabouts* here = who.of(ns);
    return {.id = {.inum = ns.inum(), .gen = ns.gen()},
            .parent = ns.record().parent,
            .state = ns.state(),
            .certain = ns.record().certain,
            .tasks = all.alive(),
            .zombies = all.zombies,
            .age_ns = age_of(view, ns, reaper),
            .pids = pids_of(view, ns, numbers),
            .pid_limit = limit_of(view, ns),
            .reaper = reaper ? fmt::format("{} {}", printable(reaper->comm()), reaper->tid()) : "",
            .container = here == nullptr || here->container.empty() ? "" : container_words(*here)};
}

std::string mode_words(const nst_session& session) {
    const auto hooks = std::popcount(session.hooks);
    switch (session.mode) {
        case NST_attach_mode_full:
            return fmt::format("full mode, {} hooks", hooks);
        case NST_attach_mode_reduced:
            return fmt::format("reduced mode, {} hooks", hooks);
        default:
            return "hooks ?";
    }
}

std::string listed(const std::vector<std::string>& all) {
    const std::size_t named = std::min(all.size(), most_named);
    return fmt::format("{}{}", fmt::join(std::span(all).first(named), "; "),
                       named == all.size() ? "" : fmt::format("; and {} more", all.size() - named));
}

std::string origin(const View& view, const Namespace& ns) {
    const NsRecord& record = ns.record();
    if (record.level == 0 && record.facts) {
        return ", initial";
    }
    if (!record.born) {
        // It may also have been made while births could not be seen.
        const bool all_seen = view.session().mode == NST_attach_mode_full && view.lost() == 0;
        return all_seen ? ", older than the trace" : ", its making was not seen";
    }
    return record.creator_tid == 0
               ? ", made by ?"
               : fmt::format(
                     ", made by {} ({})",
                     printable(text_of(record.creator_comm.data(), record.creator_comm.size())),
                     record.creator_tid);
}

std::string last_pid_words(const View& view, const Namespace& ns) {
    const NsRecord& record = ns.record();
    // Without alloc_pid the cursor is known only at the moment of a snapshot.
    if (!record.last_pid_known || view.session().mode == NST_attach_mode_reduced) {
        return "last pid ?";
    }
    const std::string mover =
        record.mover_tid == 0
            ? std::string()
            : fmt::format(" of {} ({})",
                          printable(text_of(record.mover_comm.data(), record.mover_comm.size())),
                          record.mover_tid);
    return fmt::format("last pid {} (innermost first), moved by {}{}",
                       pid_vector_text(ns.last_pid_vector()), pid_move_name(record.last_move),
                       mover);
}

std::string held_words(const View& view, const Namespace& ns) {
    const Why why = why_of(view, ns);
    std::vector<std::string> holds;
    holds.reserve(why.holds.size());
    for (const Hold& hold : why.holds) {
        holds.push_back(hold_words(hold));
    }
    std::string out =
        holds.empty() ? "held by nothing that can be seen" : "held by " + listed(holds);
    if (!why.doubts.empty()) {
        out += fmt::format(" (may not be all: {})", fmt::join(why.doubts, "; "));
    }
    return out;
}

/// What is sorted by, the largest first; empty = not known.
std::optional<double> sorted_by(const TopRow& row, TopSort sort) {
    switch (sort) {
        case TopSort::tree:
            return 0;
        case TopSort::tasks:
            return row.tasks;
        case TopSort::zombies:
            return row.zombies;
        case TopSort::age:
            return row.age_ns.value;
        case TopSort::pids:
            break;
    }
    if (!row.pids.value || !row.pid_limit || *row.pid_limit == 0) {
        return std::nullopt;
    }
    return static_cast<double>(*row.pids.value) / *row.pid_limit;
}

/// Rows as a tree, which a damaged stream may have made a loop.
class Forest {
public:
    Forest(std::span<const TopRow> rows, const std::vector<std::size_t>& order)
        : children_(rows.size()), seen_(rows.size()) {
        boost::unordered_flat_map<std::uint32_t, std::size_t> by_inum;
        for (std::size_t i = 0; i < rows.size(); i++) {
            by_inum.emplace(rows[i].id.inum, i);
        }
        std::vector<std::size_t> roots;
        for (const std::size_t i : order) {
            const auto parent = by_inum.find(rows[i].parent);
            const bool root = parent == by_inum.end() || parent->second == i;
            (root ? roots : children_[parent->second]).push_back(i);
        }
        for (const std::size_t root : roots) {
            walk(root);
        }
        // Only a loop has none of its rows in a tree.
        for (const std::size_t i : order) {
            walk(i);
        }
    }

    struct Node {
        std::size_t row;
        std::uint32_t depth;
        std::uint32_t below;  ///< how many
    };
    /// Each row ahead of those below it.
    [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }

private:
    void walk(std::size_t root) {
        struct Step {
            std::size_t row;
            std::uint32_t depth;
            std::size_t node;  // once it has one
        };
        constexpr std::size_t none = ~std::size_t{0};
        std::vector<Step> todo{{.row = root, .depth = 0, .node = none}};
        while (!todo.empty()) {
            const Step step = todo.back();
            todo.pop_back();
            if (step.node != none) {
                nodes_[step.node].below = static_cast<std::uint32_t>(nodes_.size() - step.node - 1);
                continue;
            }
            if (seen_[step.row]) {
                continue;
            }
            seen_[step.row] = true;
            todo.push_back({.row = step.row, .depth = step.depth, .node = nodes_.size()});
            nodes_.push_back({.row = step.row, .depth = step.depth, .below = 0});
            const auto& below = children_[step.row];
            for (const std::size_t child : std::views::reverse(below)) {
                todo.push_back({.row = child, .depth = step.depth + 1, .node = none});
            }
        }
    }

    std::vector<std::vector<std::size_t>> children_;
    std::vector<bool> seen_;
    std::vector<Node> nodes_;
};

}  // namespace

TopState top_state(const Publication& now) {
    const View& view = now.view;
    TopState state{.synchronized = view.synchronized(),
                   .certain = view.certain(),
                   .at_boot_ns = view.at_boot_ns(),
                   .wall_ns = view.session().wall_offset_ns + view.at_boot_ns(),
                   .mode = mode_words(view.session()),
                   .doubt = doubt(view, now.note),
                   .tasks = view.task_count(),
                   .zombies = 0,
                   .namespaces = view.namespace_count(),
                   .lost = view.lost(),
                   .violations = now.findings.violations(),
                   .unknown = now.findings.unknown(),
                   .notable = sum(now.notices.counts),
                   .uncheckable = static_cast<std::size_t>(std::ranges::count_if(
                       now.findings.rules, [](const RuleCount& one) { return one.uncheckable; })),
                   .rows = {}};
    if (!state.synchronized) {
        return state;
    }
    const Numbers numbers = numbers_of(view);
    const Who who(view);
    for (const Namespace& ns : view.namespaces()) {
        if (ns.type() == NST_ns_type_pid) {
            state.rows.push_back(row_of(view, ns, numbers, who));
            state.zombies += state.rows.back().zombies;
        }
    }
    return state;
}

std::vector<std::string> top_details(const View& view, TopId id) {
    const auto ns = view.ns(id.inum);
    if (!ns || ns->gen() != id.gen) {
        return {};
    }
    const NsRecord& record = ns->record();
    const bool level_known = record.facts || record.parent != 0;
    std::string is =
        fmt::format("{}:[{}] (gen {}), level {}, {}", type_name(ns->type()), ns->inum(), ns->gen(),
                    level_known ? std::to_string(record.level) : "?", ns_state_name(ns->state()));
    const NsState state = ns->state();
    const bool ending = state == NsState::dying || state == NsState::zapping;
    const std::uint64_t changed = ending                    ? record.dying_since_ns
                                  : state == NsState::empty ? record.emptied_ns
                                                            : 0;
    if (changed != 0) {
        is += " for " + duration(since(view, changed));
    }
    is += origin(view, *ns);
    if (!record.certain) {
        is += "; it may have ended, and the event was lost";
    }
    std::vector<std::string> said{std::move(is)};
    if (ending) {
        std::vector<std::string> blockers;
        for (const Blocker& one : blockers_of(view, *ns)) {
            blockers.push_back(blocker_words(view, one));
        }
        said.push_back(blockers.empty() ? "waits for nothing that can be seen"
                                        : "waits for " + listed(blockers));
    }
    said.push_back(held_words(view, *ns));
    std::string pids = fmt::format("owned by {}; {}",
                                   record.owner == 0 ? "?" : fmt::format("user:[{}]", record.owner),
                                   last_pid_words(view, *ns));
    if (record.pids_used_known) {
        pids += fmt::format("; {} pids were in use when that was last told, {} ago",
                            record.pids_used, duration(since(view, record.pids_told_ns)));
    }
    said.push_back(std::move(pids));
    return said;
}

std::vector<TopFinding> top_findings(const Findings& findings, const Notices& notices) {
    std::vector<TopFinding> all;
    for (const Finding& one : findings.findings) {
        const std::string text = finding_text(one);
        const std::size_t end = text.find('\n');
        all.push_back({.violation = one.verdict == Verdict::violation,
                       .line = text.substr(0, end),
                       .proof = text.substr(end + 1)});
    }
    for (const Remark& one : notices.remarks) {
        std::string text = remark_text(one);
        text.pop_back();
        all.push_back({.violation = false, .line = std::move(text), .proof = {}});
    }
    return all;
}

std::vector<TopPlace> top_order(std::span<const TopRow> rows, TopSort sort, bool flat,
                                const std::set<TopId>& folded) {
    std::vector<std::size_t> order;
    order.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++) {
        order.push_back(i);
    }
    if (sort != TopSort::tree) {
        std::ranges::stable_sort(order, [&](std::size_t one, std::size_t other) {
            // An empty optional is less than any.
            return sorted_by(rows[one], sort) > sorted_by(rows[other], sort);
        });
    }
    std::vector<TopPlace> places;
    if (flat) {
        for (const std::size_t i : order) {
            places.push_back({.row = i, .depth = 0, .branches = false, .hidden = 0});
        }
        return places;
    }
    const Forest forest(rows, order);
    const auto& nodes = forest.nodes();
    for (std::size_t i = 0; i < nodes.size(); i++) {
        const bool shut = nodes[i].below != 0 && folded.contains(rows[nodes[i].row].id);
        places.push_back({.row = nodes[i].row,
                          .depth = nodes[i].depth,
                          .branches = nodes[i].below != 0,
                          .hidden = shut ? nodes[i].below : 0});
        i += shut ? nodes[i].below : 0;
    }
    return places;
}

}  // namespace nstrail
