// SPDX-License-Identifier: Apache-2.0
//
// What a stream can show, by the hooks that its session says are attached.
#ifndef NSTRAIL_VMTESTS_HOOKS_HPP
#define NSTRAIL_VMTESTS_HOOKS_HPP

#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace vmtests {

class Hooks {
public:
    Hooks() = default;
    explicit Hooks(std::set<std::string> attached) : attached_(std::move(attached)) {}

    // From a stream's session event and the agent's doctor document, which names the hooks in the
    // order of their bits. An error is one line.
    static std::expected<Hooks, std::string> read(const nlohmann::json& session,
                                                  const nlohmann::json& doctor);

    bool attached(const std::string& name) const { return attached_.contains(name); }
    std::size_t size() const { return attached_.size(); }
    // Functions of the kernel are hooked, so that every change is seen as it happens.
    bool complete() const { return attached("release_task"); }

    // What an expected event becomes: itself, or the same as the attached hooks can tell it, or
    // nothing where none of them can.
    std::optional<nlohmann::json> visible(const nlohmann::json& wanted) const;

private:
    std::set<std::string> attached_;
};

}  // namespace vmtests

#endif
