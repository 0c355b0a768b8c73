// SPDX-License-Identifier: Apache-2.0
#include "app/recorded_web.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "app/bounded_replay.hpp"
#include "app/recorded_lines.hpp"
#include "record/format.hpp"

namespace nstrail {

namespace {

constexpr std::chrono::seconds time_for_state{30};
constexpr std::chrono::seconds time_for_account{120};

}  // namespace

Result<std::unique_ptr<RecordedWeb>> RecordedWeb::open(const std::string& path,
                                                       const NotableOptions& notable) {
    if (path == "-" || (std::filesystem::exists(path) && !std::filesystem::is_directory(path) &&
                        !std::filesystem::is_regular_file(path))) {
        return fail("serve " + path, "it can be read only once, and each answer reads it",
                    "write it to a file, and serve that");
    }
    std::unique_ptr<RecordedWeb> web(new RecordedWeb(path, notable));
    if (auto looked = web->look(); !looked) {
        return std::unexpected(looked.error());
    }
    return web;
}

Result<void> RecordedWeb::look() {
    auto opened = Replay::open(path_, notable_);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    Replay& replay = **opened;
    replay.start_at(UINT64_MAX);
    std::optional<std::uint64_t> first;
    const auto run =
        replay.run([&](const Event&, const Change&) { first = first.value_or(replay.now()); });
    if (!run) {
        return std::unexpected(run.error());
    }
    if (!first) {
        return fail("serve " + path_, "there is no event in it");
    }
    const nst_session& session = replay.world().session();
    hooks_ = session.hooks;
    faults_ = replay.faults_text();
    clock_ = replay.clock();
    if (!RecordingSource::looks_like(path_)) {
        clock_ = {.first_ns = *first, .wall_offset_ns = session.wall_offset_ns};
    }
    return {};
}

/// Changes when the recording does. One that is being written does so all the time, and not each
/// time in the size of a file: it is looked at again every second.
std::string RecordedWeb::stamp() const {
    namespace fs = std::filesystem;
    std::error_code error;
    std::uint64_t bytes = 0;
    std::int64_t modified = 0;
    std::uint64_t files = 0;
    bool growing = false;
    const auto add = [&](const fs::path& path) {
        bytes += fs::file_size(path, error);
        modified = std::max<std::int64_t>(
            modified, fs::last_write_time(path, error).time_since_epoch().count());
        growing = growing || path.filename() == open_name;
        files++;
    };
    if (!fs::is_directory(path_, error)) {
        add(path_);
    }
    for (fs::recursive_directory_iterator at(path_, error), end; !error && at != end;
         at.increment(error)) {
        if (at->is_regular_file(error)) {
            add(at->path());
        }
    }
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    return fmt::format("{} {} {} {}", files, bytes, modified, growing ? second.count() : 0);
}

Answer<RecordedWeb::Position> RecordedWeb::replay_to(std::uint64_t at, Part part) const {
    auto opened = Replay::open(path_, notable_);
    if (!opened) {
        return refuse(503, opened.error().line());
    }
    Replay& replay = **opened;
    if (part == Part::state) {
        replay.start_at(at);
    }
    replay.end_at(at);
    const auto run =
        run_bounded(replay,
                    {.longest = part == Part::state ? time_for_state : time_for_account,
                     .closed = closed_,
                     .advice = "use the command line, e.g. nstrail check"},
                    [&] { return replay.step(); });
    if (!run) {
        return std::unexpected(run.error());
    }
    replay.finish();
    return Position{.at = at,
                    .part = part,
                    .stamp = {},
                    .last_ns = replay.now(),
                    .publication = replay.follower().publication()};
}

std::optional<RecordedWeb::Position> RecordedWeb::kept(std::uint64_t at, Part part,
                                                       const std::string& stamp) {
    const std::scoped_lock hold(lock_);
    const auto found = std::ranges::find_if(positions_, [&](const Position& one) {
        return one.at == at && one.part == part && one.stamp == stamp;
    });
    if (found == positions_.end()) {
        return std::nullopt;
    }
    std::rotate(positions_.begin(), found, found + 1);
    return positions_.front();
}

Answer<RecordedWeb::Position> RecordedWeb::lead_to(std::uint64_t at, Part part) {
    const std::string now = stamp();
    if (auto found = kept(at, part, now)) {
        return *found;
    }
    if (!places_.try_acquire_for(wait_for_others)) {
        return refuse(503, "other times of the recording are being looked at; try again");
    }
    const auto give_back = [](auto* places) { places->release(); };
    const std::unique_ptr<decltype(places_), decltype(give_back)> place(&places_, give_back);
    // Another may have asked for the same meanwhile.
    if (auto found = kept(at, part, now)) {
        return *found;
    }
    auto made = replay_to(at, part);
    if (made) {
        made->stamp = now;
        const std::scoped_lock hold(lock_);
        positions_.push_front(*made);
        if (positions_.size() > most_kept) {
            positions_.pop_back();
        }
    }
    return made;
}

Answer<WebAbout> RecordedWeb::about() {
    const auto end = lead_to(UINT64_MAX, Part::state);
    if (!end) {
        return std::unexpected(end.error());
    }
    const nst_session& session = end->publication->view.session();
    return WebAbout{.boot_id = std::string(text_of(session.boot_id, sizeof(session.boot_id))),
                    .begin_boot_ns = clock_.first_ns,
                    .end_boot_ns = end->last_ns,
                    .wall_offset_ns = clock_.wall_offset_ns,
                    .recording = path_,
                    .boots = 1};
}

Answer<std::shared_ptr<const Publication>> RecordedWeb::publication(
    const std::optional<std::string>& at, Part part) {
    std::uint64_t when = UINT64_MAX;
    if (at) {
        const auto moment = parse_moment(*at, clock_);
        if (!moment) {
            return refuse(400, moment.error().line());
        }
        when = *moment;
    }
    auto position = lead_to(when, part);
    if (!position) {
        return std::unexpected(position.error());
    }
    return position->publication;
}

Answer<std::optional<Story>> RecordedWeb::story(const StoryOf& of) {
    const std::string now = stamp();
    const auto same = [&](const KeptStory& one) {
        return one.of.task == of.task && one.of.number == of.number && one.stamp == now;
    };
    {
        const std::scoped_lock hold(lock_);
        if (const auto found = std::ranges::find_if(told_, same); found != told_.end()) {
            return found->story;
        }
    }
    auto told = stories_.tell(of);
    if (!told) {
        return std::unexpected(told.error());
    }
    const std::scoped_lock hold(lock_);
    told_.push_front({.of = of, .stamp = now, .story = *told});
    if (told_.size() > most_kept) {
        told_.pop_back();
    }
    return std::move(*told);
}

Answer<std::unique_ptr<EventLines>> RecordedWeb::events(EventsWanted wanted) {
    const RangeChoice given{.begin = wanted.begin.value_or(""), .end = wanted.end.value_or("")};
    const auto range = given.resolve(clock_);
    if (!range || (wanted.begin && wanted.begin->empty()) || (wanted.end && wanted.end->empty())) {
        return refuse(400, range ? "understand the request: begin= and end= are times"
                                 : range.error().line());
    }
    auto opened = Replay::open(path_, notable_);
    if (!opened) {
        return refuse(503, opened.error().line());
    }
    if (++streams_ > most_streams || closed_) {
        streams_--;
        refused_++;
        return refuse(503, fmt::format("{} clients read the events already, or the server is "
                                       "stopping; try again when one has gone",
                                       most_streams));
    }
    return std::make_unique<RecordedLines>(*this, std::move(*opened), *range,
                                           std::move(wanted.filter), wanted.last);
}

FeedFigures RecordedWeb::followers() const {
    return {.clients = streams_, .delivered = delivered_, .dropped = 0, .refused = refused_};
}

void RecordedWeb::close() {
    closed_ = true;
    stories_.close();
}

}  // namespace nstrail
