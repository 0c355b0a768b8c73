// SPDX-License-Identifier: Apache-2.0
// A stream as a document for ui.perfetto.dev: see docs/EXPORT.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "event/filter.hpp"
#include "model/world.hpp"
#include "rules/checker.hpp"

namespace nstrail {

struct PerfettoOptions {
    std::uint64_t begin_ns = 0;  ///< boottime from which on things are shown
    std::optional<Filter> filter = {};
    std::string version = {};
};

/// Writes as the stream goes, and keeps no more than the model does. Deterministic: the same
/// events give the same bytes. One thread.
class Perfetto {
public:
    /// World and Checker must outlive it, and have taken in what it is given.
    Perfetto(const World& world, const Checker& checker, PerfettoOptions options);
    Perfetto(const Perfetto&) = delete;
    Perfetto& operator=(const Perfetto&) = delete;
    ~Perfetto();

    /// An event of the stream; not those that a Follower adds to it. `boot_ns`: when it was
    /// recorded.
    void take(const Event& event, const Change& change, std::uint64_t boot_ns);
    /// Ends the document, wherever the stream stands; after Checker::finish(). `whole`: nothing of
    /// what was wanted is missing.
    void finish(bool whole);
    /// What was written and not yet taken: whoever writes it down clears it.
    [[nodiscard]] fmt::memory_buffer& out();

private:
    struct Parts;
    void stream(const Event& event);
    void happened(const Event& event, const TaskRecord& task);
    [[nodiscard]] std::string how_switched(const Event& event, const Change& change) const;
    void switched(const Event& event, const Change& change, const std::string& how);
    void remarks();
    void findings();

    const Checker& checker_;
    const PerfettoOptions options_;
    std::unique_ptr<Parts> parts_;
};

}  // namespace nstrail
