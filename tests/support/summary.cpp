// SPDX-License-Identifier: Apache-2.0
#include "support/summary.hpp"

#include <string>
#include <utility>

#include "base/text.hpp"
#include "event/reflect.hpp"

namespace nstrail::test {

namespace {

using nlohmann::json;

json known(std::uint64_t number) {
    return number == 0 ? json(nullptr) : json(number);
}

/// Numbers by the name of their index, without those that are 0.
template <std::size_t n>
json by_name(const std::array<std::uint64_t, n>& numbers, auto&& name_of) {
    json out = json::object();
    for (std::uint32_t i = 0; i < n; i++) {
        if (numbers[i] != 0) {
            out[std::string(name_of(i))] = numbers[i];
        }
    }
    return out;
}

json namespace_row(const Namespace& handle) {
    const NsRecord& ns = handle.record();
    json out = {{"type", type_name(ns.type)},
                {"inum", ns.inum},
                {"gen", ns.gen},
                {"id", known(ns.id)},
                {"parent", known(ns.parent)},
                {"owner", known(ns.owner)},
                {"level", ns.level},
                {"born", static_cast<bool>(ns.born)},
                {"certain", static_cast<bool>(ns.certain)},
                {"state", ns_state_name(handle.state())},
                {"tasks", handle.population().tasks},
                {"zombies", handle.population().zombies},
                {"creator", known(ns.creator_tid)}};
    if (ns.type == NST_ns_type_pid) {
        const auto reaper = handle.reaper();
        out["last_pid"] = ns.last_pid_known ? json(ns.last_pid) : json(nullptr);
        out["reaper"] = known(reaper ? reaper->tid() : 0);
    }
    return out;
}

json task_row(const Task& task) {
    json sets = json::object();
    for (const Slot slot : all_slots) {
        sets[std::string(slot_name(slot))] = known(task.ns()[slot]);
    }
    json numbers = json::array();
    for (const nst_pid_nr& one : task.vpids()) {
        numbers.push_back({one.pid_namespace, one.nr});
    }
    const auto ppid = task.ppid();
    return {{"tid", task.tid()},
            {"tgid", task.tgid()},
            {"ppid", ppid ? json(*ppid) : json(nullptr)},
            {"start_boottime_ns", task.start_boottime_ns()},
            {"comm", json::parse(json_quote(task.comm()))},  // a name may hold any bytes
            {"state", task_state_name(task.state())},
            {"exit_code", task.exit_code()},
            {"soft", task.soft()},
            {"kernel_thread", task.kernel_thread()},
            {"vpids", std::move(numbers)},
            {"ns", std::move(sets)}};
}

}  // namespace

json summarize(const Account& account) {
    const auto kind = [](std::uint32_t i) { return kind_name(static_cast<Kind>(i)); };
    const auto type = [](std::uint32_t i) { return type_name(static_cast<NsType>(i)); };
    const auto cause = [](std::uint32_t i) { return enum_name(Format::ENUM_gap_cause, i); };
    const auto via = [](std::uint32_t i) { return enum_name(Format::ENUM_switch_via, i); };
    json failures = json::object();
    for (const auto& [code, count] : account.alloc_failures) {
        failures[std::to_string(code)] = count;
    }
    return {{"events", by_name(account.events, kind)},
            {"gaps", by_name(account.gaps, cause)},
            {"lost", by_name(account.lost, cause)},
            {"snapshots", account.snapshots},
            {"resyncs", account.resyncs},
            {"tasks_born", account.tasks_born},
            {"tasks_exited", account.tasks_exited},
            {"tasks_released", account.tasks_released},
            {"tasks_dropped", account.tasks_dropped},
            {"forks_failed", account.forks_failed},
            {"created", by_name(account.created, type)},
            {"destroyed", by_name(account.destroyed, type)},
            {"appeared", by_name(account.appeared, type)},
            {"forgotten", by_name(account.forgotten, type)},
            {"switches", by_name(account.switches, via)},
            {"switches_seen_late", account.switches_seen_late},
            {"user_ns_switches", account.user_ns_switches},
            {"alloc_failures", std::move(failures)},
            {"set_tid_granted", account.set_tid_granted},
            {"set_tid_refused", account.set_tid_refused}};
}

json summarize(const View& view) {
    json namespaces = json::array();
    for (const Namespace& ns : view.namespaces()) {
        namespaces.push_back(namespace_row(ns));
    }
    json tasks = json::array();
    for (const Task& task : view.tasks()) {
        tasks.push_back(task_row(task));
    }
    return {{"certain", view.certain()}, {"synchronized", view.synchronized()},
            {"lost", view.lost()},       {"namespaces", std::move(namespaces)},
            {"tasks", std::move(tasks)}, {"account", summarize(view.account())}};
}

}  // namespace nstrail::test
