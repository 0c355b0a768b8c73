// SPDX-License-Identifier: Apache-2.0
//
// Every name of nstrail's interfaces that the driver itself relies on. Expectations of the subjects
// use the event names directly.
#ifndef NSTRAIL_VMTESTS_NAMES_HPP
#define NSTRAIL_VMTESTS_NAMES_HPP

#include <array>
#include <string_view>

namespace vmtests::names {

inline constexpr std::string_view tree_schema = "nstrail.tree/1";
inline constexpr std::string_view tree_path = "/api/v1/tree?tasks=1";
inline constexpr std::string_view doctor_path = "/api/v1/doctor";
inline constexpr std::string_view findings_path = "/api/v1/findings";
inline constexpr std::string_view violations_metric = "nstrail_rule_violations_total";
inline constexpr std::string_view lost_metric = "nstrail_lost_events_total";
inline constexpr std::string_view gaps_metric = "nstrail_gaps_total";
inline constexpr std::string_view gap_kind = "gap";

// The ten slots of a task's "ns", which are also the links below /proc/PID/ns.
inline constexpr std::array<std::string_view, 10> slots = {
    "mnt", "uts", "ipc", "pid", "pid_for_children", "net", "cgroup", "time", "time_for_children",
    "user"};
inline constexpr std::size_t uts_slot = 1;
inline constexpr std::size_t pid_slot = 3;
inline constexpr std::size_t pid_for_children_slot = 4;
inline constexpr std::size_t user_slot = 9;

// The type of namespace a slot holds: the two "for children" slots hold a pid and a time one.
constexpr std::string_view type_of_slot(std::size_t slot) {
    if (slots[slot] == "pid_for_children") return "pid";
    if (slots[slot] == "time_for_children") return "time";
    return slots[slot];
}
// Whether a task in this slot is a member of the namespace, not only the maker of members.
constexpr bool is_membership(std::size_t slot) {
    return type_of_slot(slot) == slots[slot];
}

}  // namespace vmtests::names

#endif
