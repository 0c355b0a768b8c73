// SPDX-License-Identifier: Apache-2.0
#include "app/hidden.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace nstrail {

namespace {

std::vector<std::string> missing_now(const World& world) {
    namespace fs = std::filesystem;
    std::vector<std::string> missing;
    std::error_code none;
    for (const auto& process : fs::directory_iterator("/proc", none)) {
        const std::string name = process.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) {
            continue;
        }
        for (const auto& thread : fs::directory_iterator(process.path() / "task", none)) {
            const std::string tid = thread.path().filename();
            const auto number = static_cast<std::uint32_t>(std::stoul(tid));
            if (world.find_task(number) == nullptr && fs::exists(thread.path() / "stat", none)) {
                missing.push_back(tid);
            }
        }
    }
    return missing;
}

}  // namespace

std::vector<std::string> hidden_tasks(Pipeline& pipeline) {
    std::vector<std::string> hidden = missing_now(pipeline.world());
    if (hidden.empty() || !pipeline.settle()) {
        return {};
    }
    const std::vector<std::string> again = missing_now(pipeline.world());
    std::erase_if(hidden, [&](const std::string& tid) {
        return std::ranges::find(again, tid) == again.end();
    });
    return hidden;
}

std::string hidden_note(const std::vector<std::string>& tids) {
    if (tids.empty()) {
        return {};
    }
    constexpr std::size_t shown = 8;
    std::string list;
    for (std::size_t i = 0; i < std::min(tids.size(), shown); i++) {
        list += " " + tids[i];
    }
    return fmt::format(
        "{} tasks of /proc are not told by this kernel's task iterator (tids{}{}): they and what "
        "only they are in are missing here",
        tids.size(), list, tids.size() > shown ? " …" : "");
}

}  // namespace nstrail
