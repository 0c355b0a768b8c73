// SPDX-License-Identifier: Apache-2.0
// BPF programs that go on without an agent: they, their links and their maps are pinned in a folder
// of a BPF file system, until that folder is removed. The next agent reads the same ring on from
// where the last one stopped. What it must know besides lies in a map of its own there, which both
// have mapped.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "wire/wire.h"

namespace nstrail {

/// What one agent leaves to the next one. In shared memory: whoever is killed leaves it as it is.
struct Handover {
    static constexpr std::size_t most_programs = 128;

    std::uint64_t made_of;            ///< which programs these are, and how they were loaded
    std::uint64_t session;            ///< of the agent that had them last
    std::uint64_t whole;              ///< 1: that one told all that it took, and kept what it told
    std::uint64_t dropped;            ///< records that the ring had no room for, told so far
    std::uint8_t ways[NST_HOOK_end];  ///< how each hook is attached, as a Way
    std::uint64_t skipped[most_programs];  ///< runs that each program skipped, told so far
    [[nodiscard]] static std::size_t bytes(std::size_t cpus) {
        return sizeof(Handover) + (cpus * sizeof(std::uint32_t));
    }
    /// Behind it: the number that each CPU's next event has.
    [[nodiscard]] std::span<std::uint32_t> next(std::size_t cpus) {
        return {reinterpret_cast<std::uint32_t*>(this + 1), cpus};
    }
};

/// The folder, which nobody else uses while this lives. One thread.
class Pins {
public:
    /// Makes the folder where there is none. Fails where it is not on a BPF file system, or another
    /// agent has it.
    [[nodiscard]] static Result<Pins> open(const std::string& path);
    Pins(Pins&& other) noexcept;
    Pins& operator=(Pins&&) = delete;
    Pins(const Pins&) = delete;
    Pins& operator=(const Pins&) = delete;
    ~Pins();

    /// What the last agent left and the next one will find; null until all is pinned.
    [[nodiscard]] Handover* handover() const { return handover_; }
    /// Takes all pins away: what nobody else holds ends.
    [[nodiscard]] Result<void> clear();
    /// Makes what the next agent is told by. The last pin of all: it says that the others are
    /// there.
    [[nodiscard]] Result<void> complete(const Handover& handover);

    [[nodiscard]] std::string map(std::string_view name) const { return entry("map_", name); }
    [[nodiscard]] std::string program(std::string_view name) const { return entry("prog_", name); }
    [[nodiscard]] std::string link(std::string_view name) const { return entry("link_", name); }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::size_t cpus() const { return cpus_; }

private:
    Pins(std::string path, Fd folder);
    [[nodiscard]] std::string entry(std::string_view kind, std::string_view name) const;
    [[nodiscard]] Result<void> share(const Fd& map);

    std::string path_;
    Fd folder_;  // locked
    std::size_t cpus_;
    Handover* handover_ = nullptr;
};

}  // namespace nstrail
