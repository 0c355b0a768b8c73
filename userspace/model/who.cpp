// SPDX-License-Identifier: Apache-2.0
#include "model/who.hpp"

namespace nstrail {

Who::Who(const View& view) {
    const auto container_of = [this](const Task& task) -> const Whereabouts* {
        const Whereabouts* here = of(task);
        return here == nullptr || here->container.empty() ? nullptr : here;
    };
    for (const Task& task : view.tasks()) {
        const Whereabouts* here = container_of(task);
        const NsSet& set = task.ns();
        for (const Slot slot : all_slots) {
            if (for_children(slot) || set[slot] == 0) {
                continue;
            }
            const auto [at, first] = by_namespace_.try_emplace(set[slot], here);
            const bool same = first || at->second == here ||
                              (at->second != nullptr && here != nullptr &&
                               at->second->container == here->container);
            at->second = same ? at->second : nullptr;
        }
    }
}

const Whereabouts* Who::of(const Task& task) {
    const auto path = task.cgroup();
    if (!path) {
        return nullptr;
    }
    const auto [at, added] = by_path_.try_emplace(*path);
    if (added) {
        at->second = parse_cgroup_path(*path);
    }
    return &at->second;
}

const Whereabouts* Who::of(const Namespace& ns) const {
    const auto at = by_namespace_.find(ns.inum());
    return at == by_namespace_.end() ? nullptr : at->second;
}

}  // namespace nstrail
