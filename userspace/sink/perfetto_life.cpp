// SPDX-License-Identifier: Apache-2.0
#include "sink/perfetto_life.hpp"

#include <algorithm>
#include <utility>

namespace nstrail {

namespace {

std::string_view begun_name(Begun begun) {
    switch (begun) {
        case Begun::seen:
            return "seen";
        case Begun::found:
            return "found later";
        case Begun::before:
            return "before";
        case Begun::unknown:
            return "unknown";
    }
    std::unreachable();
}

std::string_view ended_name(Ended ended) {
    switch (ended) {
        case Ended::seen:
            return "seen";
        case Ended::alive:
            return "alive";
        case Ended::unknown:
            return "unknown";
    }
    std::unreachable();
}

}  // namespace

void Life::write(Stage& stage, std::string_view category, std::string_view name, std::uint64_t end,
                 Ended ended, TraceArgs& args, std::initializer_list<Phase> phases) const {
    const auto from = [&](std::uint64_t at) { return std::clamp(at, stage.begin_ns, end); };
    const bool clipped = begin < stage.begin_ns;
    args.text("begin", begun_name(clipped ? Begun::before : begun));
    args.text("end", ended_name(ended));
    if (ended == Ended::unknown) {
        args.number("last_told_boot_ns", told);
    }
    stage.writer.slice(track, category, name, from(begin), end, args);
    const auto phase = [&](const Phase& one) {
        const std::uint64_t until = std::min(one.until, end);
        if (one.from != 0 && one.from <= until && until >= stage.begin_ns) {
            stage.writer.slice(track, "phase", one.name, from(std::max(one.from, begin)),
                               std::max(until, from(begin)), {});
        }
    };
    for (const Phase& one : phases) {
        phase(one);
    }
    if (ended == Ended::unknown) {
        phase({.name = "may be gone", .from = told});
    }
}

}  // namespace nstrail
