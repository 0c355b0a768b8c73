// SPDX-License-Identifier: Apache-2.0
#include "app/top_recording.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace nstrail {

namespace {

constexpr std::uint64_t steps = 100;

/// All of it, or until `progress` says no.
Result<void> run(Replay& replay, const std::string& path, const TopRecording::Progress& progress,
                 const Observer& observer = {}) {
    while (!replay.ended()) {
        if (auto stepped = replay.step(observer); !stepped) {
            return stepped;
        }
        if (!progress(sum(replay.world().account().events), replay.part())) {
            return fail("read " + path, "interrupted");
        }
    }
    return {};
}

}  // namespace

Result<TopRecording> TopRecording::open(const std::string& path, const NotableOptions& notable,
                                        const Progress& progress) {
    auto opened = Replay::open(path, notable);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    Replay& replay = **opened;
    replay.start_at(UINT64_MAX);
    std::optional<std::uint64_t> first;
    const auto done = run(replay, path, progress, [&](const Event&, const Change&) {
        first = first.value_or(replay.now());
    });
    if (!done) {
        return std::unexpected(done.error());
    }
    if (!first) {
        return fail("show " + path, "there is no event in it");
    }
    TopRecording made(path, notable);
    made.clock_ = replay.clock();
    if (made.clock_.first_ns == 0) {
        made.clock_ = {.first_ns = *first,
                       .wall_offset_ns = replay.world().session().wall_offset_ns};
    }
    made.end_ns_ = replay.now();
    return made;
}

Result<std::uint64_t> TopRecording::moment(const std::string& text) const {
    if (text.empty()) {
        return end_ns_;
    }
    return parse_moment(text, clock_);
}

Result<void> TopRecording::reach(std::uint64_t at, const Progress& progress) {
    auto opened = Replay::open(path_, notable_);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    Replay& replay = **opened;
    replay.end_at(at);
    if (auto done = run(replay, path_, progress); !done) {
        return done;
    }
    replay.finish();
    at_ns_ = std::clamp(at, clock_.first_ns, std::max(clock_.first_ns, end_ns_));
    faults_ = replay.faults_text();
    account_ = account_text(replay.follower());
    known_ = replay.follower().publication();
    return {};
}

Result<void> TopRecording::step(bool later, const Progress& progress) {
    const std::uint64_t by =
        std::max<std::uint64_t>((end_ns_ - std::min(end_ns_, clock_.first_ns)) / steps, 1);
    const std::uint64_t room =
        later ? end_ns_ - std::min(at_ns_, end_ns_) : at_ns_ - clock_.first_ns;
    const std::uint64_t moved = std::min(by, room);
    return moved == 0 ? Result<void>{} : reach(later ? at_ns_ + moved : at_ns_ - moved, progress);
}

std::string TopRecording::name() const {
    return fmt::format("at +{} of {}  {}", duration(at_ns_ - clock_.first_ns),
                       duration(end_ns_ - std::min(end_ns_, clock_.first_ns)), path_);
}

}  // namespace nstrail
