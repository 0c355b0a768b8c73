// SPDX-License-Identifier: Apache-2.0
#include "support/adds_up.hpp"

#include <unordered_map>

namespace nstrail::test {

testing::AssertionResult adds_up(const View& view) {
    std::unordered_map<std::uint32_t, Population> counted;
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
            Population& count = counted[ns->inum()];
            if (for_children(slot)) {
                count.next_children++;
            } else {
                count.tasks++;
                count.zombies += task.state() == TaskState::zombie ? 1 : 0;
            }
        }
    }
    for (const Namespace& ns : view.namespaces()) {
        const Population& count = counted[ns.inum()];
        const Population said = ns.population();
        if (said != count || (said.tasks == 0) != (ns.record().task_sets == 0) ||
            (said.next_children == 0) != (ns.record().child_sets == 0)) {
            return testing::AssertionFailure()
                   << type_name(ns.type()) << ':' << ns.inum() << " says " << said.tasks
                   << " tasks in " << ns.record().task_sets << " sets, " << said.zombies
                   << " zombies, " << said.next_children << " for children in "
                   << ns.record().child_sets << " sets; its tasks say " << count.tasks << ", "
                   << count.zombies << ", " << count.next_children;
        }
    }
    return testing::AssertionSuccess();
}

}  // namespace nstrail::test
