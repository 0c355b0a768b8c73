// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace vmtests {
namespace {

using nlohmann::json;

const json null_value;

// A missing member and null both mean "unknown".
const json& member(const json& object, std::string_view name) {
    if (!object.is_object()) return null_value;
    const auto at = object.find(name);
    return at == object.end() ? null_value : *at;
}

template <class Number>
std::string text_of(const std::optional<Number>& value) {
    return value ? std::to_string(*value) : "none";
}

std::string text_of(const json& value) {
    return value.is_null()     ? "unknown"
           : value.is_string() ? value.get<std::string>()
                               : value.dump();
}

class Report {
public:
    explicit Report(Differences& out) : out_(out) {}

    void say(const std::string& line) { out_.push_back(line); }

    // `truth` in the same JSON type as the document should have it.
    void equal(const std::string& what, const json& tracked, const json& truth) {
        if (tracked == truth) return;
        say(what + ": tracked " + text_of(tracked) + ", /proc says " +
            (truth.is_null() ? "none" : text_of(truth)));
    }

private:
    Differences& out_;
};

template <class Value>
json json_of(const std::optional<Value>& value) {
    return value ? json(*value) : json(nullptr);
}

std::string name_of(const NamespaceKey& key) {
    return key.type + " namespace " + std::to_string(key.inum);
}

NamespaceKey key_of(const json& entry) {
    const json& type = member(entry, "type");
    const json& inum = member(entry, "inum");
    return {type.is_string() ? type.get<std::string>() : std::string("untyped"),
            inum.is_number_unsigned() ? inum.get<Inum>() : 0};
}

int int_of(const json& value, int otherwise) {
    return value.is_number_integer() ? value.get<int>() : otherwise;
}

using NamespaceIndex = std::map<NamespaceKey, const json*>;

void compare_slots(const json& tracked, const TaskTruth& task, const NamespaceIndex& namespaces,
                   const std::string& who, Report& report) {
    const json& ns = member(tracked, "ns");
    for (std::size_t i = 0; i < names::slots.size(); ++i) {
        const json& slot = member(ns, names::slots[i]);
        const std::string what = who + ' ' + std::string(names::slots[i]);
        // A pid namespace is hidden from /proc until it has a reaper (pidns_for_children_get): then
        // the tracer must know one that indeed has neither reaper nor tasks.
        if (!task.zombie && !task.waits_in_exit() && i == names::pid_for_children_slot &&
            !task.ns[i]) {
            const auto entry = slot.is_number_unsigned()
                                   ? namespaces.find({"pid", slot.get<Inum>()})
                                   : namespaces.end();
            if (entry == namespaces.end()) {
                report.say(what + ": tracked " + text_of(slot) +
                           ", /proc says one without a reaper, which the tree lacks");
            } else if (!member(*entry->second, "reaper").is_null() ||
                       int_of(member(*entry->second, "tasks"), -1) != 0) {
                report.say(what + ": tracked " + text_of(slot) +
                           " with a reaper or tasks, /proc says one without a reaper");
            }
            continue;
        }
        report.equal(what, slot, json_of(task.ns[i]));
        if (slot.is_number_unsigned() &&
            !namespaces.contains({std::string(names::type_of_slot(i)), slot.get<Inum>()})) {
            report.say(what + ": tracked " + text_of(slot) + ", which the tree's namespaces lack");
        }
    }
}

void compare_numbers(const json& tracked, const TaskTruth& task, const NamespaceIndex& namespaces,
                     const std::string& who, Report& report) {
    const json& vpids = member(tracked, "vpids");
    json numbers = json::array();
    json chain = json::array();
    for (const json& entry : vpids) {
        numbers.push_back(member(entry, "nr"));
        chain.push_back(member(entry, "pid_namespace"));
    }
    report.equal(who + " vpids", numbers, task.numbers);
    // The chain of namespaces, from the task's own up by the parents the tree itself has.
    json at = json_of(task.ns[names::pid_slot]);
    for (std::size_t i = chain.size(); i-- > 0;) {
        if (chain[i] != at) {
            report.say(who + " vpids level " + std::to_string(i) + ": tracked namespace " +
                       text_of(chain[i]) + ", should be " + text_of(at));
            return;
        }
        const auto entry =
            at.is_number_unsigned() ? namespaces.find({"pid", at.get<Inum>()}) : namespaces.end();
        at = entry == namespaces.end() ? json(nullptr) : member(*entry->second, "parent");
    }
    if (!at.is_null()) report.say(who + " vpids: the chain stops below namespace " + text_of(at));
}

void compare_task(const json& tracked, const TaskTruth& task, const NamespaceIndex& namespaces,
                  Report& report) {
    const std::string who = "tid " + std::to_string(task.tid);
    report.equal(who + " tgid", member(tracked, "tgid"), task.tgid);
    report.equal(who + " ppid", member(tracked, "ppid"), task.ppid);
    const json& comm = member(tracked, "comm");
    if (!comm.is_string() || !same_comm(task, comm.get<std::string>())) {
        report.equal(who + " comm", comm, task.comm);
    }
    // /proc has ticks of 10 ms.
    const json& start = member(tracked, "start_boottime_ns");
    if (!start.is_number_unsigned() ||
        start.get<std::uint64_t>() / 10'000'000 != task.start_ticks) {
        report.say(who + " start_boottime_ns: tracked " + text_of(start) + ", /proc says " +
                   std::to_string(task.start_ticks) + " ticks of 10 ms");
    }
    const char* state = task.zombie ? "zombie" : task.waits_in_exit() ? "exiting" : "alive";
    report.equal(who + " state", member(tracked, "state"), state);
    compare_slots(tracked, task, namespaces, who, report);
    compare_numbers(tracked, task, namespaces, who, report);
}

// The thread group that is the init of a pid namespace, as far as /proc shows it.
struct InitGroup {
    int leader = 0;        // its number in the namespace is 1; 0: there is none
    std::set<int> living;  // tids
    bool waits = false;    // one is in zap_pid_ns_processes
};

InitGroup init_group(const Truth& truth, Inum pid_namespace) {
    InitGroup group;
    for (const auto& [tid, task] : truth.tasks) {
        if (task.ns[names::pid_slot] == pid_namespace && task.numbers.back() == 1) {
            group.leader = tid;
        }
    }
    for (const auto& [tid, task] : truth.tasks) {
        if (group.leader == 0 || task.tgid != group.leader || task.zombie) continue;
        if (task.waits_in_exit()) {
            group.waits = true;
        } else {
            group.living.insert(tid);
        }
    }
    return group;
}

// The reaper of a pid namespace with a live init group is its number 1, or another thread of that
// group when the leader has exited (find_child_reaper).
void compare_reaper(const json& tracked, const NamespaceKey& key, const Truth& truth,
                    Report& report) {
    const json& reaper = member(tracked, "reaper");
    const std::string what = name_of(key) + " reaper";
    const auto [leader, possible, waits] = init_group(truth, key.inum);
    const int tid = int_of(member(reaper, "tid"), 0);
    // With the whole init group gone, exiting or waiting as zombies, the kernel still points at one
    // of them.
    const auto at = truth.tasks.find(tid);
    if (possible.empty() && reaper.is_null()) return;
    const bool right = possible.contains(leader) ? tid == leader
                       : possible.empty() ? at != truth.tasks.end() && at->second.tgid == leader
                                          : possible.contains(tid);
    if (!right) {
        const int wanted =
            possible.empty() || possible.contains(leader) ? leader : *possible.begin();
        report.equal(what, member(reaper, "tid"), wanted ? json(wanted) : json());
        return;
    }
    const json& comm = member(reaper, "comm");
    const TaskTruth& task = at->second;
    if (!comm.is_string() || !same_comm(task, comm.get<std::string>())) {
        report.equal(what + " comm", comm, task.comm);
    }
}

// A pid namespace whose init is done for is dying, or zapping while that init waits for others.
const char* state_of(const NamespaceKey& key, const NamespaceTruth& found, const Truth& truth) {
    if (found.members == 0) return "empty";
    if (key.type != "pid") return "alive";
    const InitGroup group = init_group(truth, key.inum);
    return !group.living.empty() ? "alive" : group.waits ? "zapping" : "dying";
}

void compare_namespace(const json& tracked, const NamespaceKey& key, const NamespaceTruth& found,
                       const Truth& truth, Report& report) {
    const std::string who = name_of(key);
    // The document counts the two apart.
    report.equal(who + " tasks", member(tracked, "tasks"), found.members - found.zombies);
    report.equal(who + " zombies", member(tracked, "zombies"), found.zombies);
    report.equal(who + " owner", member(tracked, "owner"), json_of(found.owner));
    if (key.type == "pid" || key.type == "user") {
        report.equal(who + " parent", member(tracked, "parent"), json_of(found.parent));
        report.equal(who + " level", member(tracked, "level"), found.level);
    }
    if (key.type == "pid") compare_reaper(tracked, key, truth, report);
    report.equal(who + " state", member(tracked, "state"), state_of(key, found, truth));
}

// Takes the tasks of a process out of the document, and out of the counts.
void remove_process(json& document, int tgid) {
    if (tgid == 0 || !document.contains("tasks")) return;
    std::map<NamespaceKey, int> gone;
    json kept = json::array();
    for (json& task : document["tasks"]) {
        if (member(task, "tgid") != tgid) {
            kept.push_back(std::move(task));
            continue;
        }
        for (std::size_t i = 0; i < names::slots.size(); ++i) {
            const json& slot = member(member(task, "ns"), names::slots[i]);
            if (names::is_membership(i) && slot.is_number_unsigned()) {
                ++gone[{std::string(names::slots[i]), slot.get<Inum>()}];
            }
        }
    }
    document["tasks"] = std::move(kept);
    for (json& entry : document["namespaces"]) {
        const auto at = gone.find(key_of(entry));
        if (at != gone.end() && entry["tasks"].is_number_integer()) {
            entry["tasks"] = entry["tasks"].get<int>() - at->second;
        }
    }
}

}  // namespace

Differences compare_tree(json document, const Truth& truth, const CompareOptions& options) {
    Differences differences;
    Report report(differences);
    report.equal("schema", member(document, "schema"), names::tree_schema);
    if (!member(document, "tasks").is_array() || !member(document, "namespaces").is_array()) {
        report.say("the document has no tasks or no namespaces");
        return differences;
    }
    report.equal("certain", member(document, "certain"), true);
    if (!options.past_loss) report.equal("lost", member(document, "lost"), 0);
    remove_process(document, options.own_tgid);

    NamespaceIndex namespaces;
    for (const json& entry : document["namespaces"]) {
        if (!namespaces.emplace(key_of(entry), &entry).second) {
            report.say(name_of(key_of(entry)) + " is tracked twice");
        }
    }
    std::map<int, const json*> tasks;
    for (const json& entry : document["tasks"]) {
        const int tid = int_of(member(entry, "tid"), 0);
        if (!tasks.emplace(tid, &entry).second) {
            report.say("tid " + std::to_string(tid) + " is tracked twice");
        }
    }

    for (const auto& [tid, task] : truth.tasks) {
        const auto at = tasks.find(tid);
        if (at == tasks.end()) {
            report.say("tid " + std::to_string(tid) + " (" + task.comm +
                       "): not tracked, /proc says it is there");
        } else {
            compare_task(*at->second, task, namespaces, report);
        }
    }
    for (const auto& [tid, entry] : tasks) {
        if (!truth.tasks.contains(tid)) {
            report.say("tid " + std::to_string(tid) + " (" + text_of(member(*entry, "comm")) +
                       "): tracked, /proc says there is none");
        }
    }

    for (const auto& [key, found] : truth.namespaces) {
        const auto at = namespaces.find(key);
        if (at == namespaces.end()) {
            report.say(name_of(key) + ": not tracked, /proc says it is there");
        } else {
            compare_namespace(*at->second, key, found, truth, report);
        }
    }
    for (const auto& [key, entry] : namespaces) {
        if (truth.namespaces.contains(key)) continue;
        // Without a task to show it, it may live by a file descriptor, mount or child; but it
        // cannot have members.
        report.equal(name_of(key) + " tasks", member(*entry, "tasks"), 0);
        report.equal(name_of(key) + " zombies", member(*entry, "zombies"), 0);
    }
    return differences;
}

LsnsCounts read_lsns(const std::string& text) {
    LsnsCounts counts;
    const json document = json::parse(text);
    for (const json& row : document.at("namespaces")) {
        counts[{row.at("type").get<std::string>(), row.at("ns").get<Inum>()}] =
            row.at("nprocs").get<int>();
    }
    return counts;
}

Differences compare_lsns(const json& document, const LsnsCounts& lsns, const TaskTruth& observer) {
    LsnsCounts tracked;
    for (const json& task : member(document, "tasks")) {
        // lsns reads /proc/PID/ns, which is the thread group leader's.
        if (member(task, "tid") != member(task, "tgid")) continue;
        for (std::size_t i = 0; i < names::slots.size(); ++i) {
            const json& slot = member(member(task, "ns"), names::slots[i]);
            if (names::is_membership(i) && slot.is_number_unsigned()) {
                ++tracked[{std::string(names::slots[i]), slot.get<Inum>()}];
            }
        }
    }
    for (std::size_t i = 0; i < names::slots.size(); ++i) {
        if (names::is_membership(i) && observer.ns[i]) {
            ++tracked[{std::string(names::slots[i]), *observer.ns[i]}];
        }
    }
    Differences differences;
    std::set<NamespaceKey> keys;
    for (const auto& [key, count] : tracked)
        keys.insert(key);
    for (const auto& [key, count] : lsns)
        keys.insert(key);
    for (const NamespaceKey& key : keys) {
        const auto ours = tracked.find(key);
        const auto theirs = lsns.find(key);
        const int a = ours == tracked.end() ? 0 : ours->second;
        const int b = theirs == lsns.end() ? 0 : theirs->second;
        if (a != b) {
            differences.push_back(name_of(key) + " processes: tracked " + std::to_string(a) +
                                  ", lsns says " + std::to_string(b));
        }
    }
    return differences;
}

std::vector<NamespaceKey> namespaces_of(const json& document) {
    std::vector<NamespaceKey> keys;
    for (const json& entry : member(document, "namespaces"))
        keys.push_back(key_of(entry));
    std::ranges::sort(keys);
    return keys;
}

std::vector<NamespaceKey> namespaces_beyond(const json& document,
                                            const std::vector<NamespaceKey>& known) {
    std::vector<NamespaceKey> beyond;
    std::ranges::set_difference(namespaces_of(document), known, std::back_inserter(beyond));
    return beyond;
}

std::vector<NamespaceKey> doubtful_namespaces(const json& document) {
    std::vector<NamespaceKey> keys;
    for (const json& entry : member(document, "namespaces")) {
        if (member(entry, "certain") == false) keys.push_back(key_of(entry));
    }
    std::ranges::sort(keys);
    return keys;
}

}  // namespace vmtests
