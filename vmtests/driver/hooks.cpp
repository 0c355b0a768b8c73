// SPDX-License-Identifier: Apache-2.0
#include "hooks.hpp"

#include <cstdlib>
#include <vector>

namespace vmtests {
namespace {

using nlohmann::json;

// Which hook writes an event; where several do, `via` says which one wrote it.
struct Writer {
    const char* kind;
    const char* via;  // null: any
    const char* hook;
};
constexpr Writer writers[] = {
    {"alloc_pid", nullptr, "alloc_pid"},
    {"free_pid", nullptr, "free_pid"},
    {"task_new", nullptr, "task_newtask"},
    {"task_exec", nullptr, "sched_process_exec"},
    {"task_exit", nullptr, "sched_process_exit"},
    {"task_release", "entry", "release_task"},
    {"task_release", "loop", "cgroup_release"},
    {"task_free", nullptr, "sched_process_free"},
    {"task_rename", nullptr, "task_rename"},
    {"exchange_tids", nullptr, "exchange_tids"},
    {"ns_switch", "switched", "switch_namespaces"},
    {"ns_switch", "exit", "exit_namespaces"},
    {"ns_switch", "exec", "exec_namespaces"},
    {"ns_switch", "syscall", "sys_exit"},
    {"cred_user_ns", nullptr, "commit_creds"},
    {"inum_alloc", nullptr, "inum_alloc"},
    {"inum_free", nullptr, "inum_free"},
    {"ns_last_pid", nullptr, "ns_last_pid"},
};

// FLAGS are shown in hexadecimal, as text; 0 for what is none.
std::uint64_t flags_of(const json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (!value.is_string()) return 0;
    return std::strtoull(value.get<std::string>().c_str(), nullptr, 0);
}

}  // namespace

std::expected<Hooks, std::string> Hooks::read(const json& session, const json& doctor) {
    const bool is_session = session.is_object() && session.value("kind", "") == "session";
    const std::uint64_t bits = is_session ? flags_of(session.value("hooks", json())) : 0;
    const json rows = doctor.value("hooks", json::array());
    if (bits == 0 || rows.empty()) {
        return std::unexpected(std::string("no session event with hooks, or no doctor document"));
    }
    std::set<std::string> attached;
    for (std::size_t bit = 0; bit < rows.size(); ++bit) {
        if ((bits >> bit & 1) != 0) attached.insert(rows[bit].value("name", ""));
    }
    if (rows.size() < 64 && bits >> rows.size() != 0) {
        return std::unexpected("the session has hooks " + std::to_string(bits) +
                               ", the doctor knows " + std::to_string(rows.size()));
    }
    return Hooks(std::move(attached));
}

std::optional<json> Hooks::visible(const json& wanted) const {
    const std::string kind = wanted.value("kind", "");
    const std::string via = wanted.value("via", "");
    bool written = false;
    bool known = false;
    for (const Writer& writer : writers) {
        if (kind != writer.kind) continue;
        if (writer.via != nullptr && !via.empty() && via != writer.via) continue;
        known = true;
        written = written || attached(writer.hook);
    }
    // A kind that this table lacks is demanded, so that a wrong name is noticed.
    if (written || !known) return wanted;
    if (kind == "ns_switch" && via == "switched" && attached("sys_exit")) {
        // The return of the system call tells the same switch without the set before it.
        json told = wanted;
        told["via"] = "syscall";
        told.erase("before");
        return told;
    }
    return std::nullopt;
}

}  // namespace vmtests
