// SPDX-License-Identifier: Apache-2.0
#include "claims.hpp"

#include <algorithm>
#include <sstream>

#include "stream.hpp"

namespace vmtests {
namespace {

using nlohmann::json;

std::string rest_of(std::istringstream& words) {
    std::string rest;
    std::getline(words >> std::ws, rest);
    return rest;
}

const json* find_row(const json& document, const char* list, const char* member, const json& value,
                     const std::string& type) {
    const auto rows = document.find(list);
    if (rows == document.end()) return nullptr;
    for (const json& row : *rows) {
        if (row.value(member, json()) != value) continue;
        if (type.empty() || row.value("type", "") == type) return &row;
    }
    return nullptr;
}

}  // namespace

bool Claims::add(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    Row row;
    words >> verb;
    if (verb == "task" && words >> row.tid) {
        row.name = "tid " + std::to_string(row.tid);
        row.wanted = json::parse(rest_of(words));
    } else if ((verb == "state" || verb == "namespace" || verb == "tracked") &&
               words >> row.key.type >> row.key.inum) {
        row.name = row.key.type + " namespace " + std::to_string(row.key.inum);
        const std::string rest = rest_of(words);
        if (rest.empty()) return false;
        row.tracked_only = verb == "tracked";
        row.wanted = verb == "state" ? json{{"state", rest}} : json::parse(rest);
    } else if (Inum inum = 0; verb == "why" && words >> inum) {
        holders_.push_back({inum, json::parse(rest_of(words))});
        return true;
    } else {
        return false;
    }
    rows_.push_back(std::move(row));
    return true;
}

Differences Claims::compare_tree(const json& document, Tree tree) const {
    Differences differences;
    for (const Row& row : rows_) {
        if (row.tracked_only && tree == Tree::fresh) continue;
        const json* const found =
            row.tid != 0 ? find_row(document, "tasks", "tid", row.tid, {})
                         : find_row(document, "namespaces", "inum", row.key.inum, row.key.type);
        if (found == nullptr) {
            differences.push_back(row.name + ": not tracked, the subject says " +
                                  row.wanted.dump());
            continue;
        }
        for (const auto& [name, wanted] : row.wanted.items()) {
            const json tracked = found->value(name, json());
            if (found->contains(name) && is_subset(wanted, tracked)) continue;
            differences.push_back(row.name + ' ' + name + ": tracked " + tracked.dump() +
                                  ", the subject says " + wanted.dump());
        }
    }
    return differences;
}

std::set<Inum> Claims::held() const {
    std::set<Inum> inums;
    for (const Holder& holder : holders_)
        inums.insert(holder.inum);
    return inums;
}

Differences Claims::compare_why(const json& document, Inum inum) const {
    Differences differences;
    const std::string name = "why " + std::to_string(inum) + ": ";
    const json wanted = {
        {"schema", "nstrail.why/1"}, {"namespace", {{"inum", inum}}}, {"complete", true}};
    if (!is_subset(wanted, document)) {
        return {name + "not a complete answer: " + document.dump()};
    }
    std::vector<json> found = document.value("holders", json::array());
    for (const Holder& holder : holders_) {
        if (holder.inum != inum) continue;
        const auto at = std::ranges::find_if(
            found, [&](const json& one) { return is_subset(holder.wanted, one); });
        if (at == found.end()) {
            differences.push_back(name + "not named: " + holder.wanted.dump());
        } else {
            found.erase(at);
        }
    }
    for (const json& one : found)
        differences.push_back(name + "the subject knows nothing of " + one.dump());
    return differences;
}

void Claims::without_last_pids() {
    for (Row& row : rows_) {
        for (const char* name : {"last_pid", "last_pid_vector", "last_pid_moved"})
            row.wanted.erase(name);
    }
}

void Claims::clear() {
    rows_.clear();
    holders_.clear();
}

}  // namespace vmtests
