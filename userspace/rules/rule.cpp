// SPDX-License-Identifier: Apache-2.0
#include "rules/rule.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/invariants.hpp"

namespace nstrail {

std::string Scene::name(std::uint32_t tid) const {
    return task_name(world, tid);
}

std::string Scene::name(const nst_task_ref& task) const {
    return task_name(world, task);
}

std::string task_name(const World& world, std::uint32_t tid) {
    const TaskRecord* known = world.find_task(tid);
    return known == nullptr ? fmt::format("tid {}", tid)
                            : fmt::format("tid {} ({})", tid, known->name());
}

std::string task_name(const World& world, const nst_task_ref& task) {
    const TaskRecord* known = world.find_task(task.tid);
    return known == nullptr || known->key != task.key ? fmt::format("tid {}", task.tid)
                                                      : task_name(world, task.tid);
}

std::string ns_name(NsType type, std::uint32_t inum) {
    return fmt::format("{}:[{}]", type_name(type), inum);
}

std::string number_name(std::uint32_t pid_namespace, std::uint32_t nr) {
    return fmt::format("number {} of {}", nr, ns_name(NST_ns_type_pid, pid_namespace));
}

std::optional<bool> is_within(const World& world, std::uint32_t inum, std::uint32_t ancestor) {
    if (!world.certain()) {
        return std::nullopt;
    }
    // Neither pid nor user namespaces nest deeper than this.
    for (int steps = 0; steps <= NST_MAX_LEVELS; steps++) {
        if (inum == ancestor) {
            return true;
        }
        const NsRecord* ns = world.find_namespace(inum);
        if (ns == nullptr || !ns->facts) {
            return std::nullopt;
        }
        if (ns->parent == 0) {
            return false;  // the initial one
        }
        inum = ns->parent;
    }
    return std::nullopt;
}

static_assert(std::ranges::is_sorted(invariants, {}, &Rule::id));

std::span<const Rule* const> all_rules() {
    return invariants;
}

bool uncheckable(const Rule& rule, std::uint64_t hooks) {
    return !std::ranges::all_of(rule.hooks,
                                [&](nst_hook hook) { return (hooks >> hook & 1) != 0; });
}

}  // namespace nstrail
