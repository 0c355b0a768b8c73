// SPDX-License-Identifier: Apache-2.0
#include "model/cgroups.hpp"

#include <ranges>
#include <utility>
#include <vector>

namespace nstrail {

std::optional<std::string> cgroup_path(const CgroupTable& table, std::uint32_t index) {
    std::vector<std::string_view> parts;
    while (!table[index].root) {
        const CgroupRecord& one = table[index];
        // A loop could only come from a damaged stream; paths have at most 4096 bytes.
        if (!one.named || parts.size() > 2048) {
            return std::nullopt;
        }
        parts.push_back(one.name);
        index = one.parent;
    }
    std::string path;
    for (const std::string_view part : parts | std::views::reverse) {
        path += '/';
        path += part;
    }
    return path.empty() ? "/" : path;
}

std::uint32_t Cgroups::meet(std::uint64_t id) {
    std::uint32_t& index = index_.meet(id);
    if (index == 0) {
        const auto made = table_.allocate();
        made.record.id = id;
        index = made.index;
    }
    return index;
}

std::uint32_t Cgroups::acquire(std::uint64_t id, std::uint32_t guess) {
    if (id == 0) {
        return 0;
    }
    const std::uint32_t index = guess != 0 && table_[guess].id == id ? guess : meet(id);
    table_.at(index).references++;
    return index;
}

/// One that was removed is kept for the zombies in it; one that has no name was only referred to.
void Cgroups::release(std::uint32_t index) {
    while (index != 0) {
        CgroupRecord& one = table_.at(index);
        one.references--;
        if (one.references != 0 || (one.named && !one.removed)) {
            return;
        }
        const std::uint32_t parent = one.parent;
        index_.erase(one.id);
        table_.release(index, one);
        index = parent;
    }
}

void Cgroups::on(const nst_cgroup& event) {
    if (event.id == 0) {
        return;
    }
    if (event.what == NST_cgroup_what_removed && index_.find(event.id) == 0) {
        return;
    }
    const std::uint32_t index = acquire(event.id);  // it stays until all is said of it
    CgroupRecord& one = table_.at(index);
    const std::uint32_t before = std::exchange(one.parent, acquire(event.parent));
    one.name = text_of(event.name, sizeof(event.name));
    one.named = true;
    one.root = event.parent == 0;
    one.pids_used = event.pids_used;
    one.pids_max = event.pids_max;
    one.told_ns = event.header.boot_ns;
    one.removed = event.what == NST_cgroup_what_removed;
    release(before);
    release(index);
}

}  // namespace nstrail
