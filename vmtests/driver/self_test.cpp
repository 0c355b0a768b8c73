// SPDX-License-Identifier: Apache-2.0
#include "self_test.hpp"

#include <algorithm>
#include <iostream>
#include <set>

#include "claims.hpp"
#include "compare.hpp"
#include "hooks.hpp"
#include "stream.hpp"

namespace vmtests {
namespace {

using nlohmann::json;

constexpr Inum first_inum = 4026531832;
constexpr Inum inner_pid = 4026532301;
constexpr Inum inner_user = 4026532302;
constexpr Inum thread_uts = 4026532303;
constexpr Inum hidden_pid = 4026532304;
constexpr Inum zapping_pid = 4026532305;
constexpr Inum dying_pid = 4026532306;

// What the document leaves to nstrail: fields that /proc has no truth about.
const std::set<std::string> not_judged = {
    "id",  "gen",     "last_pid", "first_seen_boot_ns", "created_by", "container",
    "pod", "boot_id", "at",       "at_boot_ns"};

TaskTruth task(int tid, int tgid, int ppid, const std::string& comm) {
    TaskTruth result;
    result.tid = tid;
    result.tgid = tgid;
    result.ppid = ppid;
    result.start_ticks = static_cast<std::uint64_t>(tid) * 7 + 3;
    result.comm = comm;
    result.numbers = {tid};
    for (std::size_t i = 0; i < names::slots.size(); ++i) {
        const auto type = names::type_of_slot(i);
        const auto at = std::ranges::find(names::slots, type) - names::slots.begin();
        result.ns[i] = first_inum + static_cast<Inum>(at);
    }
    return result;
}

void make_zombie(TaskTruth& task) {
    task.zombie = true;
    for (std::size_t i = 0; i < names::slots.size(); ++i) {
        if (i != names::pid_slot && i != names::user_slot) task.ns[i].reset();
    }
}

// A small machine with one of everything the comparison treats in its own way.
Truth sample_truth() {
    Truth truth;
    const auto add = [&](const TaskTruth& task) { truth.tasks.emplace(task.tid, task); };
    add(task(1, 1, 0, "init"));
    TaskTruth kernel = task(20, 20, 2, "kworker/u4:2-a_long_name");
    kernel.kernel_thread = true;
    add(kernel);
    add(task(300, 300, 1, "threads"));
    TaskTruth thread = task(301, 300, 1, "threads");
    thread.ns[1] = thread_uts;
    add(thread);
    TaskTruth leader = task(400, 400, 1, "leader_first");
    make_zombie(leader);
    add(leader);
    add(task(401, 400, 1, "leader_first"));
    TaskTruth init = task(500, 500, 1, "inner init");
    init.numbers = {500, 1};
    init.ns[names::pid_slot] = init.ns[names::pid_for_children_slot] = inner_pid;
    init.ns[names::user_slot] = inner_user;
    add(init);
    TaskTruth child = init;
    child.tid = child.tgid = 501;
    child.ppid = 500;
    child.comm = "a (child)";
    child.numbers = {501, 2};
    child.start_ticks += 4;
    // It made a pid namespace for its children, and has none yet.
    child.ns[names::pid_for_children_slot].reset();
    add(child);
    TaskTruth dead = init;
    dead.tid = dead.tgid = 502;
    dead.ppid = 500;
    dead.numbers = {502, 3};
    make_zombie(dead);
    add(dead);
    // An init that waits for a zombie it cannot reap, and one that nobody has reaped yet.
    TaskTruth zapper = task(600, 600, 1, "zapping init");
    make_zombie(zapper);
    zapper.zombie = false;
    zapper.numbers = {600, 1};
    zapper.ns[names::pid_slot] = zapping_pid;
    add(zapper);
    TaskTruth injected = zapper;
    injected.tid = injected.tgid = 601;
    injected.numbers = {601, 2};
    injected.start_ticks += 4;
    injected.zombie = true;
    add(injected);
    TaskTruth last = injected;
    last.tid = last.tgid = 700;
    last.numbers = {700, 1};
    last.ns[names::pid_slot] = dying_pid;
    add(last);

    count_members(truth);
    const Inum initial_user = *truth.tasks.at(1).ns[names::user_slot];
    const Inum initial_pid = *truth.tasks.at(1).ns[names::pid_slot];
    for (auto& [key, entry] : truth.namespaces)
        entry.owner = initial_user;
    truth.namespaces.at({"user", initial_user}).owner.reset();
    NamespaceTruth& pid = truth.namespaces.at({"pid", inner_pid});
    pid.parent = initial_pid;
    pid.owner = inner_user;
    pid.level = 1;
    for (const Inum inum : {zapping_pid, dying_pid}) {
        truth.namespaces.at({"pid", inum}).parent = initial_pid;
        truth.namespaces.at({"pid", inum}).level = 1;
    }
    NamespaceTruth& user = truth.namespaces.at({"user", inner_user});
    user.parent = initial_user;
    user.level = 1;
    return truth;
}

template <class Value>
json json_of(const std::optional<Value>& value) {
    return value ? json(*value) : json(nullptr);
}

// The document a correct tracer gives.
json sample_document(const Truth& truth) {
    json document = {{"schema", names::tree_schema},
                     {"boot_id", "x"},
                     {"at", "2024-01-01T00:00:00Z"},
                     {"at_boot_ns", 1},
                     {"certain", true},
                     {"lost", 0},
                     {"namespaces", json::array()},
                     {"tasks", json::array()}};
    const auto add_namespace = [&](const NamespaceKey& key, const NamespaceTruth& found) {
        json entry = {{"type", key.type},
                      {"inum", key.inum},
                      {"id", nullptr},
                      {"gen", 1},
                      {"parent", json_of(found.parent)},
                      {"owner", json_of(found.owner)},
                      {"level", found.level},
                      {"tasks", found.members - found.zombies},
                      {"zombies", found.zombies},
                      {"state", found.members == 0        ? "empty"
                                : key.inum == zapping_pid ? "zapping"
                                : key.inum == dying_pid   ? "dying"
                                                          : "alive"},
                      {"reaper", nullptr},
                      {"last_pid", nullptr}};
        if (key.type == "pid" && found.members > 0 && key.inum != dying_pid) {
            const int reaper = key.inum == inner_pid ? 500 : key.inum == zapping_pid ? 600 : 1;
            entry["reaper"] = {{"tid", reaper}, {"comm", truth.tasks.at(reaper).comm}};
        }
        document["namespaces"].push_back(entry);
    };
    for (const auto& [key, found] : truth.namespaces)
        add_namespace(key, found);
    NamespaceTruth hidden;
    hidden.parent = inner_pid;
    hidden.owner = inner_user;
    hidden.level = 2;
    add_namespace({"pid", hidden_pid}, hidden);

    const Inum initial_pid = *truth.tasks.at(1).ns[names::pid_slot];
    for (const auto& [tid, task] : truth.tasks) {
        json ns = json::object();
        for (std::size_t i = 0; i < names::slots.size(); ++i) {
            ns[std::string(names::slots[i])] = json_of(task.ns[i]);
        }
        if (tid == 501) ns["pid_for_children"] = hidden_pid;
        json vpids = json::array();
        for (std::size_t i = 0; i < task.numbers.size(); ++i) {
            vpids.push_back({{"pid_namespace", i == 0 ? initial_pid : *task.ns[names::pid_slot]},
                             {"nr", task.numbers[i]}});
        }
        document["tasks"].push_back(
            {{"tid", tid},
             {"tgid", task.tgid},
             {"ppid", task.ppid},
             {"comm", task.comm.substr(0, task.kernel_thread ? 15 : task.comm.size())},
             {"start_boottime_ns", task.start_ticks * 10'000'000 + 4'321},
             {"state", task.zombie            ? "zombie"
                       : task.waits_in_exit() ? "exiting"
                                              : "alive"},
             {"vpids", vpids},
             {"ns", ns},
             {"container", nullptr}});
    }
    return document;
}

json other_value(const json& value) {
    if (value.is_boolean()) return !value.get<bool>();
    if (value.is_number_unsigned()) return value.get<std::uint64_t>() + 1;
    if (value.is_number_integer()) return value.get<std::int64_t>() + 1;
    if (value.is_string()) return value.get<std::string>() + "x";
    return 7;  // null, where something else belongs
}

class Damage {
public:
    Damage(json document, const Truth& truth) : document_(std::move(document)), truth_(truth) {}

    int missed() const { return missed_; }
    int tried() const { return tried_; }

    void everywhere() { at(json::json_pointer(), false); }

    // Tries one damaged document.
    void attempt(const std::string& what, const json& damaged) {
        ++tried_;
        if (!compare_tree(damaged, truth_).empty()) return;
        ++missed_;
        std::cerr << "driver --self-test: not reported: " << what << '\n';
    }

private:
    void at(const json::json_pointer& where, bool in_hidden) {
        const json& value = document_.at(where);
        if (value.is_object()) {
            // What /proc does not show of a namespace without tasks cannot be judged.
            in_hidden = in_hidden || value.value("inum", 0U) == hidden_pid;
            for (const auto& [name, member] : value.items()) {
                if (!not_judged.contains(name) && !unjudged_in(value, name, in_hidden)) {
                    at(where / name, in_hidden);
                }
            }
            return;
        }
        if (value.is_array()) {
            for (std::size_t i = 0; i < value.size(); ++i) {
                at(where / i, in_hidden);
                json shorter = document_;
                shorter.at(where).erase(i);
                attempt(where.to_string() + " without element " + std::to_string(i), shorter);
                json doubled = document_;
                doubled.at(where).push_back(value[i]);
                attempt(where.to_string() + " with element " + std::to_string(i) + " twice",
                        doubled);
            }
            return;
        }
        json changed = document_;
        json& target = changed.at(where);
        // Start times are judged in the 10 ms that /proc has.
        const bool is_time = where.back() == "start_boottime_ns";
        target = is_time ? json(value.get<std::uint64_t>() + 10'000'000) : other_value(value);
        attempt(where.to_string() + " as " + target.dump(), changed);
        if (!value.is_null()) {
            json unknown = document_;
            unknown.at(where) = nullptr;
            attempt(where.to_string() + " as null", unknown);
        }
    }

    static bool unjudged_in(const json& owner, const std::string& name, bool in_hidden) {
        if (!owner.contains("inum")) return false;
        if (in_hidden) {
            return name != "type" && name != "inum" && name != "tasks" && name != "zombies" &&
                   name != "reaper";
        }
        const std::string type = owner.at("type");
        // Only pid and user namespaces are nested, only pid namespaces have a reaper.
        if (name == "parent" || name == "level") return type != "pid" && type != "user";
        return name == "reaper" && type != "pid";
    }

    json document_;
    const Truth& truth_;
    int tried_ = 0;
    int missed_ = 0;
};

// Each line of a failed requirement is printed; the count is returned.
class Checks {
public:
    void require(bool condition, const std::string& what) {
        if (condition) return;
        ++failed_;
        std::cerr << "driver --self-test: " << what << '\n';
    }
    int failed() const { return failed_; }

private:
    int failed_ = 0;
};

void test_lsns(const json& document, const Truth& truth, Checks& checks) {
    LsnsCounts counts;
    for (const auto& [key, found] : truth.namespaces)
        counts[key] = found.processes;
    const TaskTruth& observer = truth.tasks.at(1);
    for (std::size_t i = 0; i < names::slots.size(); ++i) {
        if (names::is_membership(i)) ++counts[{std::string(names::slots[i]), *observer.ns[i]}];
    }
    checks.require(compare_lsns(document, counts, observer).empty(), "correct lsns counts differ");
    for (const auto& [key, count] : counts) {
        LsnsCounts damaged = counts;
        ++damaged[key];
        checks.require(!compare_lsns(document, damaged, observer).empty(),
                       "lsns: one more in " + key.type + " is not reported");
    }
}

void test_claims(const json& document, Checks& checks) {
    const auto unmet = [&](const std::string& line) {
        Claims claims;
        checks.require(claims.add(line), "not taken as a claim: " + line);
        return claims.compare_tree(document, Claims::Tree::tracked).size();
    };
    const std::string hidden = "state pid " + std::to_string(hidden_pid);
    checks.require(unmet(hidden + " empty") == 0, "a state as it is is reported");
    checks.require(unmet(hidden + " alive") == 1, "another state is not reported");
    checks.require(unmet("state uts 7 empty") == 1, "a namespace that is not tracked has a state");
    checks.require(unmet("state uts " + std::to_string(hidden_pid) + " empty") == 1,
                   "a namespace of another type has the state");
    const std::string inner = "namespace pid " + std::to_string(inner_pid);
    checks.require(unmet(inner + R"( {"level":1,"reaper":{"tid":500}})") == 0,
                   "what a namespace has is reported");
    checks.require(unmet(inner + R"( {"level":2,"reaper":{"tid":501}})") == 2,
                   "what a namespace has otherwise is not reported");
    checks.require(unmet(inner + R"( {"no_such_member":null})") == 1,
                   "a member that is not there passes as null");
    checks.require(unmet(R"(task 501 {"tgid":501,"vpids":[{},{"nr":2}]})") == 0,
                   "what a task has is reported");
    checks.require(unmet(R"(task 501 {"comm":"another"})") == 1,
                   "what a task has otherwise is not reported");
    checks.require(unmet(R"(task 7 {"tid":7})") == 1,
                   "a task that is not tracked has what is said");
    checks.require(unmet(R"(task 501 {"comm":"a (*"})") == 0,
                   "the beginning of a text is reported");
    checks.require(unmet(R"(task 501 {"comm":"a ((*"})") == 1,
                   "another beginning of a text is not reported");
    Claims claims;
    checks.require(!claims.add("state uts") && !claims.add("state uts 7") &&
                       !claims.add("stated uts 7 empty") && !claims.add("hold here"),
                   "half a claim is taken");
    checks.require(claims.add(inner + R"( {"last_pid":9,"level":1})"), "not taken as a claim");
    checks.require(claims.compare_tree(document, Claims::Tree::tracked).size() == 1,
                   "a wrong last pid is not reported");
    claims.without_last_pids();
    checks.require(claims.compare_tree(document, Claims::Tree::tracked).empty(),
                   "a last pid is demanded in reduced mode");
    checks.require(claims.add("tracked pid 7 {}"), "not taken as a claim");
    checks.require(claims.compare_tree(document, Claims::Tree::fresh).empty(),
                   "what only the tracked tree can know is demanded of a fresh one");
    checks.require(claims.compare_tree(document, Claims::Tree::tracked).size() == 1,
                   "what only the tracked tree can know is not demanded of it");
    claims.clear();
    checks.require(claims.compare_tree(document, Claims::Tree::tracked).empty(),
                   "a claim outlives its hold");
}

void test_holders(Checks& checks) {
    const json held = json::parse(
        R"({"schema":"nstrail.why/1","namespace":{"type":"uts","inum":7},"complete":true,
            "doubts":[],"holders":[{"kind":"file","task":{"tid":5,"comm":"x"},"fd":3},
                                   {"kind":"file","task":{"tid":5,"comm":"x"},"fd":4}]})");
    const auto differences = [&](const std::vector<std::string>& lines, const json& document) {
        Claims claims;
        for (const std::string& line : lines) {
            checks.require(claims.add(line), "not taken as a claim: " + line);
        }
        checks.require(claims.held() == std::set<Inum>{7}, "the namespaces held are not told");
        return claims.compare_why(document, 7).size();
    };
    const std::string third = R"(why 7 {"kind":"file","task":{"tid":5},"fd":3})";
    const std::string fourth = R"(why 7 {"kind":"file","task":{"tid":5},"fd":4})";
    checks.require(differences({fourth, third}, held) == 0, "right holders are reported");
    checks.require(differences({third}, held) == 1, "a holder too many is not reported");
    checks.require(differences({third, third}, held) == 2, "one holder passes for two");
    checks.require(differences({third, R"(why 7 {"kind":"pidfd","fd":4})"}, held) == 2,
                   "another kind of holder passes");
    json other = held;
    other["complete"] = false;
    checks.require(differences({third, fourth}, other) == 1, "an incomplete answer passes");
    other = held;
    other["namespace"]["inum"] = 8;
    checks.require(differences({third, fourth}, other) == 1,
                   "an answer about another namespace passes");
    checks.require(differences({third, fourth}, json()) == 1, "no answer passes");
}

void test_reading_lsns(Checks& checks) {
    const LsnsCounts counts = read_lsns(
        R"({"namespaces":[{"ns":4026531836,"type":"pid","nprocs":3},
                          {"ns":4026531837,"type":"user","nprocs":4}]})");
    checks.require(counts == LsnsCounts{{{"pid", 4026531836}, 3}, {{"user", 4026531837}, 4}},
                   "lsns output is not read");
}

void test_expectations(Checks& checks) {
    const std::vector<json> events = {
        json::parse(R"({"kind":"a","task":{"tid":1,"tgid":1},"vpids":[{"nr":1},{"nr":2}]})"),
        json::parse(R"({"kind":"b","task":{"tid":1},"after":null})")};
    const auto unmet = [&](const std::vector<std::string>& lines) {
        Expectations expectations;
        for (const std::string& line : lines) {
            checks.require(expectations.add(line), "not taken as an expectation: " + line);
        }
        return expectations.unmet(events).size();
    };
    const std::string a = R"(expect {"kind":"a","task":{"tid":1},"vpids":[{},{"nr":2}]})";
    const std::string b = R"(expect {"kind":"b","after":null})";
    checks.require(unmet({a, b}) == 0, "met expectations are reported");
    checks.require(unmet({b, a}) == 1, "a wrong order is not reported");
    checks.require(unmet({a, a}) == 1, "an event that is there once meets two expectations");
    checks.require(unmet({b, R"(anywhere {"kind":"a"})"}) == 0, "anywhere minds the order");
    checks.require(unmet({R"(expect {"kind":"a","task":{"tid":2}})"}) == 1, "a wrong tid passes");
    checks.require(unmet({R"(expect {"kind":"a","vpids":[{"nr":1}]})"}) == 1,
                   "a shorter array passes");
    checks.require(unmet({R"(expect {"kind":"a","after":null})"}) == 1, "a missing null passes");
    checks.require(unmet({R"(never {"kind":"b"})"}) == 1, "never is not reported");
    checks.require(unmet({R"(never {"kind":"c"})"}) == 0, "never reports what is not there");
}

void test_hooks(Checks& checks) {
    const json doctor = {
        {"hooks", {{{"name", "alloc_pid"}}, {{"name", "sys_exit"}}, {{"name", "task_newtask"}}}}};
    const auto read = [&](const char* bits) {
        return Hooks::read({{"kind", "session"}, {"hooks", bits}}, doctor);
    };
    checks.require(!Hooks::read(json(), doctor), "hooks are read from no session");
    checks.require(!read("0x9"), "a hook that the doctor does not know is taken");
    const auto hooks = read("0x6");
    checks.require(
        hooks && hooks->size() == 2 && hooks->attached("sys_exit") && !hooks->attached("alloc_pid"),
        "the hooks of a session are not read");
    if (!hooks) return;
    const auto visible = [&](const char* wanted) { return hooks->visible(json::parse(wanted)); };
    checks.require(visible(R"({"kind":"task_new","task":{"tid":1}})").has_value(),
                   "what a hook shows is left out");
    checks.require(!visible(R"({"kind":"alloc_pid"})"), "what no hook shows is demanded");
    checks.require(!visible(R"({"kind":"ns_switch","via":"exit"})"),
                   "what another hook would show is demanded");
    checks.require(visible(R"({"kind":"ns_switch"})").has_value(),
                   "what one of several hooks shows is left out");
    checks.require(visible(R"({"kind":"task_nwe"})").has_value(), "an unknown kind is left out");
    const auto told = visible(R"({"kind":"ns_switch","via":"switched","before":{},"after":{}})");
    checks.require(told == json::parse(R"({"kind":"ns_switch","via":"syscall","after":{}})"),
                   "a switch is not demanded of the return of its system call");
}

}  // namespace

int self_test() {
    const Truth truth = sample_truth();
    const json document = sample_document(truth);
    Checks checks;
    for (const std::string& line : compare_tree(document, truth)) {
        checks.require(false, "the correct document: " + line);
    }
    Damage damage(document, truth);
    damage.everywhere();
    {
        json swapped = document;
        std::swap(swapped["tasks"][2]["ns"], swapped["tasks"][3]["ns"]);
        damage.attempt("two tasks with each other's namespaces", swapped);
        json other_level = document;
        for (json& task : other_level["tasks"]) {
            if (task["tid"] == 501) std::swap(task["vpids"][0]["nr"], task["vpids"][1]["nr"]);
        }
        damage.attempt("a vector innermost first", other_level);
    }
    // A document's own process is no part of the truth, neither as a task nor in the counts.
    {
        json with_own = document;
        json own = document["tasks"][0];
        own["tid"] = own["tgid"] = 900;
        with_own["tasks"].push_back(own);
        for (json& entry : with_own["namespaces"]) {
            for (const auto& [slot, inum] : own["ns"].items()) {
                if (entry["type"] == slot && entry["inum"] == inum) {
                    entry["tasks"] = entry["tasks"].get<int>() + 1;
                }
            }
        }
        checks.require(compare_tree(with_own, truth, {.own_tgid = 900}).empty(),
                       "the own process is judged");
        checks.require(!compare_tree(with_own, truth).empty(), "a task too many passes");
    }
    test_lsns(document, truth, checks);
    test_claims(document, checks);
    test_holders(checks);
    test_reading_lsns(checks);
    test_expectations(checks);
    test_hooks(checks);
    const int failed = checks.failed() + damage.missed();
    std::cout << "self-test: " << damage.tried() << " damages, " << failed << " failures\n";
    return failed == 0 ? 0 : 1;
}

}  // namespace vmtests
