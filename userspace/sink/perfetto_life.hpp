// SPDX-License-Identifier: Apache-2.0
// What the lives of tasks and of namespaces have in common where they are shown as slices. Inside
// of sink/perfetto* only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "model/world.hpp"
#include "sink/besides.hpp"
#include "sink/trace_events.hpp"

namespace nstrail {

/// What is shown, and how far the stream has come.
struct Stage {
    explicit Stage(const World& of) : world(of), besides(of) {}

    const World& world;
    Besides besides;
    TraceWriter writer;
    std::uint64_t first_ns = 0;  ///< boottime of the first event
    std::uint64_t begin_ns = 0;  ///< what happened before it is not shown
    std::uint64_t recorded = 0;  ///< when the latest event was recorded, never going back
    std::uint64_t now = 0;       ///< when it happened, which may be somewhat earlier
    std::uint64_t gap_ns = 0;    ///< when it was learned last that events were lost
    std::uint32_t session = 0;   ///< sessions begun
    bool filtered = false;       ///< lives are shown only if an event of theirs was wanted

    [[nodiscard]] bool shown() const { return recorded >= begin_ns; }
    /// The time of an instant.
    [[nodiscard]] std::uint64_t at() const { return std::max(now, begin_ns); }
};

enum class Begun : std::uint8_t {
    seen,
    found,    ///< the event was lost; when it was is known all the same
    before,   ///< before the recording
    unknown,  ///< it was met at the time that is given as its begin
};
enum class Ended : std::uint8_t {
    seen,
    alive,    ///< at the end of what is shown
    unknown,  ///< between the last time that it was told of and then
};

/// A slice within a life, up to its end or to `until`; none if it has no beginning.
struct Phase {
    std::string_view name;
    std::uint64_t from = 0;
    std::uint64_t until = UINT64_MAX;
};

struct Life {
    Track track;
    std::uint64_t begin = 0;
    std::uint64_t told = 0;  ///< when an event was about it last
    Begun begun = Begun::unknown;
    bool wanted = true;

    /// How it stands at the end of the stream: after a loss that was not made up for nobody knows.
    [[nodiscard]] Ended at_the_end(const Stage& stage) const {
        return stage.world.certain() || told > stage.gap_ns || stage.gap_ns == 0 ? Ended::alive
                                                                                 : Ended::unknown;
    }
    /// An event is about it. Events of several CPUs may be told in another order than they
    /// happened.
    void tell(std::uint64_t now) { told = std::max(told, now); }
    /// Its end, if that is told now.
    [[nodiscard]] std::uint64_t end_at(std::uint64_t now) const {
        return std::max({now, told, begin});
    }
    /// Nothing of it is to be written.
    [[nodiscard]] bool hidden(const Stage& stage, std::uint64_t end) const {
        return !wanted || end < stage.begin_ns;
    }
    /// The slice of all of it and, within that, those of its phases, which follow one another or
    /// lie within one another, outer ones first. `args` is completed with how it began and ended.
    void write(Stage& stage, std::string_view category, std::string_view name, std::uint64_t end,
               Ended ended, TraceArgs& args, std::initializer_list<Phase> phases) const;
};

/// All lives of a map in the order of their rows, as that of a hash map is nobody's.
template <class L, class Map>
[[nodiscard]] std::vector<L*> by_row(Map& map) {
    std::vector<L*> all;
    for (auto& [key, life] : map) {
        all.push_back(&life);
    }
    std::ranges::sort(all, {}, [](const L* life) { return life->track.thread; });
    return all;
}

}  // namespace nstrail
