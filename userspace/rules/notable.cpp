// SPDX-License-Identifier: Apache-2.0
#include "rules/notable.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/rule.hpp"

namespace nstrail {

namespace {

constexpr std::size_t remarks_kept = 1000;
// What one mark may walk, well below a millisecond; marks come every 250 ms while there are events.
constexpr std::uint32_t slots_at_once = 4096;

constexpr struct {
    std::string_view name;
    std::string_view help;
} notables[] = {
    {"escape",
     "a task inside a container moves by setns into a namespace outside of it: an "
     "ancestor of its own or an initial one"},
    {"chosen_pids",
     "pids are chosen by clone3(set_tid) or kernel.ns_last_pid, by another program "
     "than a checkpoint tool"},
    {"empty", "a namespace outlives its last task for longer than a set time"},
    {"stuck", "the end of a pid namespace takes longer than a set time"},
};
static_assert(std::size(notables) == notable_count);

/// kthreadd never leaves init_nsproxy, and nobody can move it. Where it is not seen, neither are
/// the host's namespaces.
NsSet initial_set(const World& world) {
    const TaskRecord* kthreadd = world.find_task(2);
    return kthreadd != nullptr && kthreadd->kernel_thread ? world.set_of(*kthreadd) : NsSet{};
}

}  // namespace

std::string_view notable_name(Notable what) {
    return notables[static_cast<std::size_t>(what)].name;
}

std::string_view notable_help(Notable what) {
    return notables[static_cast<std::size_t>(what)].help;
}

Result<void> parse_notables(const std::string& text, NotableOptions& to) {
    to.on.fill(text == "all");
    if (text == "all" || text == "none") {
        return {};
    }
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');) {
        const auto* const at =
            std::ranges::find(notables, word, [](const auto& one) { return one.name; });
        if (at == std::end(notables)) {
            return fail(fmt::format("understand --notable {}", text),
                        fmt::format("'{}' is none of them", word),
                        "choose of escape, chosen_pids, empty, stuck, joined by commas; all; none");
        }
        to.on[static_cast<std::size_t>(at - std::begin(notables))] = true;
    }
    return {};
}

void Lookout::look(const Event& event, const Change& change, const World& world) {
    switch (event.kind()) {
        case NST_KIND_session:
        case NST_KIND_ns_kept:
            quiet_until_ = 0;  // what they tell began in the past
            break;
        case NST_KIND_ns_switch:
            switched(event.as<nst_ns_switch>(), change, world);
            break;
        case NST_KIND_alloc_pid: {
            const auto& e = event.as<nst_alloc_pid>();
            if (e.error == 0 && e.set_tid_size != 0) {
                const auto vector = event.tail<nst_alloc_pid, nst_pid_request>();
                chosen(e.actor, e.pid_namespace,
                       fmt::format("clone3 chose {}", vector.empty()
                                                          ? "a number"
                                                          : number_name(vector.back().pid_namespace,
                                                                        vector.back().nr)),
                       event.boot_ns(), world);
            }
            break;
        }
        case NST_KIND_ns_last_pid: {
            const auto& e = event.as<nst_ns_last_pid>();
            chosen(e.actor, e.pid_namespace,
                   fmt::format("kernel.ns_last_pid was set to {} in {}", e.value,
                               ns_name(NST_ns_type_pid, e.pid_namespace)),
                   event.boot_ns(), world);
            break;
        }
        case NST_KIND_mark:
            if (event.as<nst_mark>().what == NST_mark_what_audited && world.certain()) {
                look_around(event.boot_ns(), world);
            }
            break;
        default:
            break;
    }
}

/// unshare gives new namespaces, so what a switch brings back is a setns.
void Lookout::switched(const nst_ns_switch& e, const Change& change, const World& world) {
    const bool by_setns = e.via == NST_switch_via_switched || e.via == NST_switch_via_syscall;
    if (!options_.wants(Notable::escape) || !by_setns || e.after.nsproxy == 0 ||
        change.task == nullptr || !change.transition) {
        return;
    }
    const NsSet& before = change.transition->before;
    const NsSet& after = change.transition->after;
    const NsSet host = initial_set(world);
    const bool confined = before[Slot::pid] != host[Slot::pid] ||
                          before[Slot::user] != host[Slot::user] ||
                          !where(*change.task, world).container.empty();
    if (host[Slot::pid] == 0 || !confined) {
        return;  // a tool of the host that comes back from where it went
    }
    for (const Slot slot : {Slot::mnt, Slot::uts, Slot::ipc, Slot::net, Slot::cgroup,
                            Slot::time_for_children, Slot::pid_for_children}) {
        if (before[slot] == 0 || after[slot] == 0 || before[slot] == after[slot]) {
            continue;
        }
        const bool ancestor =
            slot == Slot::pid_for_children && is_within(world, before[slot], after[slot]) == true;
        const bool hosts = after[slot] == host[slot];
        if (!ancestor && !hosts) {
            continue;
        }
        Remark remark;
        remark.what = Notable::escape;
        remark.at_boot_ns = e.header.boot_ns;
        remark.task = e.task;
        remark.ns_inum = after[slot];
        remark.transition = change.transition;
        remark.because = fmt::format(
            "{} moved from {} into {}, which is {}", task_name(world, e.task),
            ns_name(slot_type(slot), before[slot]), ns_name(slot_type(slot), after[slot]),
            hosts ? "the host's" : "an ancestor of it");
        tell(std::move(remark), world);
        return;
    }
}

void Lookout::chosen(const nst_task_ref& actor, std::uint32_t ns, std::string because,
                     std::uint64_t at, const World& world) {
    const TaskRecord* task = world.find_key(actor.key);
    if (!options_.wants(Notable::chosen_pids) || task == nullptr ||
        std::ranges::find(options_.checkpoint_tools, task->name()) !=
            options_.checkpoint_tools.end()) {
        return;
    }
    Remark remark;
    remark.what = Notable::chosen_pids;
    remark.at_boot_ns = at;
    remark.task = actor;
    remark.ns_inum = ns;
    remark.because = fmt::format("{} by {}", because, task_name(world, actor));
    tell(std::move(remark), world);
}

void Lookout::look_around(std::uint64_t now, const World& world) {
    const NsTable& table = world.namespaces();
    const bool all = next_slot_ == 1 && table.last() <= slots_at_once;
    if (all && now <= quiet_until_) {
        return;
    }
    const std::uint32_t until = std::min(next_slot_ + slots_at_once, table.last() + 1);
    const auto fresh = [](auto& told, const NsRecord& ns) {
        const auto [at, added] = told.try_emplace(ns.inum, ns.gen);
        return added || std::exchange(at->second, ns.gen) != ns.gen;
    };
    const auto remark = [&](Notable what, const NsRecord& ns, std::string because) {
        Remark one;
        one.what = what;
        one.at_boot_ns = now;
        one.ns_inum = ns.inum;
        one.because = std::move(because);
        tell(std::move(one), world);
    };
    // What is emptied, or begins to end, after this event has as long from then on.
    std::uint64_t next_due = now + std::min(options_.empty_after_ns, options_.stuck_after_ns);
    const auto longer_than = [&](std::uint64_t limit, std::uint64_t since) {
        if (since == 0) {
            return false;
        }
        next_due = std::min(next_due, since + limit);
        return now - std::min(now, since) > limit;
    };
    table.each(next_slot_, until, [&](const NsRecord& ns) {
        if (options_.wants(Notable::empty) && longer_than(options_.empty_after_ns, ns.emptied_ns) &&
            ns.task_sets + ns.child_sets == 0 && ns.certain && fresh(told_empty_, ns)) {
            remark(Notable::empty, ns,
                   fmt::format("{} has had no task for {}; `nstrail why {}` tells what keeps it",
                               ns_name(ns.type, ns.inum), duration(now - ns.emptied_ns), ns.inum));
        }
        if (options_.wants(Notable::stuck) &&
            longer_than(options_.stuck_after_ns, ns.dying_since_ns) && ns.dying &&
            ns.task_sets != 0 && fresh(told_stuck_, ns)) {
            remark(Notable::stuck, ns,
                   fmt::format("the end of {} has taken {} so far, with {} tasks left in it",
                               ns_name(ns.type, ns.inum), duration(now - ns.dying_since_ns),
                               world.population(ns.inum).tasks));
        }
    });
    quiet_until_ = all ? next_due : 0;
    next_slot_ = until > table.last() ? 1 : until;
    if (next_slot_ == 1) {
        const auto gone = [&](const auto& one) {
            const NsRecord* ns = world.find_namespace(one.first);
            return ns == nullptr || ns->gen != one.second;
        };
        std::erase_if(told_empty_, gone);
        std::erase_if(told_stuck_, gone);
    }
}

void Lookout::tell(Remark remark, const World& world) {
    notices_.counts[static_cast<std::size_t>(remark.what)]++;
    remark.last_boot_ns = remark.at_boot_ns;
    if (const TaskRecord* task = world.find_key(remark.task.key); task != nullptr) {
        remark.comm = task->name();
        remark.container = where(*task, world).container;
    }
    if (const NsRecord* ns = world.find_namespace(remark.ns_inum); ns != nullptr) {
        remark.ns_type = ns->type;
        remark.ns_gen = ns->gen;
    }
    news_.push_back(remark);
    const auto [same, added] = folds_.try_emplace(fold_of(remark), gone_ + notices_.remarks.size());
    if (!added) {
        Remark& first = notices_.remarks[same->second - gone_];
        first.count++;
        first.last_boot_ns = remark.at_boot_ns;
        return;
    }
    notices_.remarks.push_back(std::move(remark));
    if (notices_.remarks.size() > remarks_kept) {
        folds_.erase(fold_of(notices_.remarks.front()));
        notices_.remarks.pop_front();
        gone_++;
    }
}

Lookout::Fold Lookout::fold_of(const Remark& remark) {
    return {remark.what, remark.task.tid, remark.task.start_boottime_ns, remark.ns_inum,
            remark.ns_gen};
}

Whereabouts Lookout::where(const TaskRecord& task, const World& world) {
    const auto path = world.cgroup_of(task);
    return path ? parse_cgroup_path(*path) : Whereabouts{};
}

}  // namespace nstrail
