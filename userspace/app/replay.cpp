// SPDX-License-Identifier: Apache-2.0
#include "app/replay.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "source/script.hpp"

namespace nstrail {

Result<std::unique_ptr<Replay>> Replay::open(const std::string& path, NotableOptions notable) {
    std::unique_ptr<Replay> replay(new Replay(std::move(notable)));
    if (RecordingSource::looks_like(path)) {
        auto source = RecordingSource::open(path);
        if (!source) {
            return std::unexpected(source.error());
        }
        replay->recording_ = source->get();
        replay->source_ = std::move(*source);
        return replay;
    }
    auto source = ScriptSource::open(path == "-" ? "/dev/stdin" : path);
    if (!source) {
        return std::unexpected(source.error());
    }
    replay->source_ = std::move(*source);
    return replay;
}

void Replay::start_at(std::uint64_t boot_ns) {
    if (recording_ != nullptr) {
        recording_->start_at(boot_ns);
    }
}

void Replay::end_at(std::uint64_t boot_ns) {
    end_ = boot_ns;
    if (recording_ != nullptr) {
        recording_->end_at(boot_ns);
    }
}

void Replay::limit(const RangeChoice::Range& range) {
    if (range.begin_ns != 0) {
        start_at(range.begin_ns);
    }
    end_at(range.end_ns);
}

std::optional<double> Replay::part() const {
    return recording_ == nullptr ? std::nullopt : std::optional(recording_->part());
}

Result<void> Replay::step(const Observer& observer) {
    const auto polled = source_->poll([&](const Event& event) {
        now_ = recording_ != nullptr ? recording_->recorded_ns() : std::max(now_, event.boot_ns());
        past_ = past_ || now_ > end_;
        if (past_) {
            return;
        }
        told_ = told_ || event.kind() == NST_KIND_session;
        follower_.take(event, observer);
    });
    return polled ? Result<void>{} : std::unexpected(polled.error());
}

Result<void> Replay::run(const Observer& observer) {
    while (!ended()) {
        if (auto stepped = step(observer); !stepped) {
            return stepped;
        }
    }
    return {};
}

ExitCode Replay::verdict() const {
    const Findings& findings = checker().findings();
    if (findings.violations() != 0) {
        return exit_violations;
    }
    const bool decided = told() && world().synchronized() && findings.unknown() == 0;
    return decided ? exit_ok : exit_unsupported;
}

RecordingClock Replay::clock() const {
    return recording_ == nullptr ? RecordingClock{}
                                 : RecordingClock{.first_ns = recording_->first_ns(),
                                                  .wall_offset_ns = recording_->wall_offset_ns()};
}

std::string Replay::faults_text() const {
    std::string text;
    if (recording_ == nullptr) {
        return text;
    }
    const RecordingFaults& faults = recording_->faults();
    for (const Damage& damage : faults.damage) {
        text += fmt::format("nstrail: {}: {} bytes from {} on passed over: {}\n", damage.file,
                            damage.bytes, damage.offset, damage.why);
    }
    if (faults.damaged_places > faults.damage.size()) {
        text += fmt::format("nstrail: and {} more such places; {} bytes in all\n",
                            faults.damaged_places - faults.damage.size(), faults.damaged_bytes);
    }
    if (faults.unknown_events != 0) {
        text += fmt::format(
            "nstrail: {} events of kinds that this version does not know were passed over\n",
            faults.unknown_events);
    }
    return text;
}

}  // namespace nstrail
