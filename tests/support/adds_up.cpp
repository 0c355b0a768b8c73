// SPDX-License-Identifier: Apache-2.0
#include "support/adds_up.hpp"

#include <unordered_map>

namespace nstrail::test {

testing::AssertionResult adds_up(const View& view) {
    struct Count {
        std::uint32_t tasks = 0;
        std::uint32_t zombies = 0;
        std::uint32_t children_slots = 0;
    };
    std::unordered_map<std::uint32_t, Count> counted;
    const std::vector<Task> tasks = view.tasks();
    if (tasks.size() != view.task_count()) {
        return testing::AssertionFailure()
               << tasks.size() << " tasks found, " << view.task_count() << " counted";
    }
    for (const Task& task : tasks) {
        for (const Slot slot : all_slots) {
            const auto ns = task.ns(slot);
            if (!ns || ns->type() != slot_type(slot)) {
                continue;
            }
            Count& count = counted[ns->inum()];
            if (for_children(slot)) {
                count.children_slots++;
            } else {
                count.tasks++;
                count.zombies += task.state() == TaskState::zombie ? 1 : 0;
            }
        }
    }
    for (const Namespace& ns : view.namespaces()) {
        const Count& count = counted[ns.inum()];
        if (ns.record().tasks != count.tasks || ns.zombies() != count.zombies ||
            ns.record().children_slots != count.children_slots) {
            return testing::AssertionFailure()
                   << type_name(ns.type()) << ':' << ns.inum() << " says " << ns.record().tasks
                   << " tasks, " << ns.zombies() << " zombies, " << ns.record().children_slots
                   << " for children; its tasks say " << count.tasks << ", " << count.zombies
                   << ", " << count.children_slots;
        }
    }
    return testing::AssertionSuccess();
}

}  // namespace nstrail::test
