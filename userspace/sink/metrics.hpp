// SPDX-License-Identifier: Apache-2.0
// Prometheus metrics: a rendering of the model's account and state at the moment of the scrape.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/view.hpp"
#include "record/writer.hpp"
#include "rules/finding.hpp"
#include "rules/notable.hpp"
#include "sink/event_feed.hpp"
#include "sink/ship_figures.hpp"
#include "sink/web_counts.hpp"

namespace nstrail {

/// What the source knows and the model does not.
struct SourceFigures {
    std::uint64_t emitted = 0;
    std::uint64_t delivered = 0;
    std::uint64_t ring_bytes = 0;
    std::uint64_t ring_high_water = 0;
    std::uint64_t silent_hooks = 0;
    /// Hooks by way: fentry, kprobe, tracepoint, iterator, none.
    std::array<std::uint64_t, 5> hooks_by_way{};
    bool recording_wanted = false;
    WriterFigures recording{};  ///< all 0 where nothing is recorded
    ShipFigures shipping{};     ///< all 0 where nothing is shipped
    struct Program {
        std::string name;
        std::uint64_t runs = 0;
        std::uint64_t ns = 0;
    };
    /// BPF programs that are attached; what they took is counted while kernel.bpf_stats_enabled.
    std::vector<Program> programs{};
    /// user.max_*_namespaces by type; empty = not known.
    std::array<std::optional<std::uint64_t>, NST_ns_type_end> namespace_limits{};
};

/// The text exposition format (version 0.0.4). Reads /proc/self for the agent's own figures.
[[nodiscard]] std::string metrics_text(const View& view, const SourceFigures& source,
                                       const Findings& findings, const Notices& notices,
                                       const FeedFigures& feed, const WebFigures& web,
                                       const std::string& version);

/// docs/METRICS.md, from the declarations.
[[nodiscard]] std::string metrics_markdown();

}  // namespace nstrail
