// SPDX-License-Identifier: Apache-2.0
#include "stream.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "names.hpp"

namespace vmtests {

using nlohmann::json;
using namespace std::chrono_literals;

bool is_subset(const json& wanted, const json& event) {
    if (wanted.is_object()) {
        if (!event.is_object()) return false;
        return std::ranges::all_of(wanted.items(), [&](const auto& member) {
            const auto at = event.find(member.key());
            return at != event.end() && is_subset(member.value(), *at);
        });
    }
    if (wanted.is_array()) {
        return event.is_array() && std::ranges::equal(wanted, event, is_subset);
    }
    if (wanted.is_string() && event.is_string()) {
        const std::string text = wanted.get<std::string>();
        if (text.ends_with('*')) {
            return event.get<std::string>().starts_with(text.substr(0, text.size() - 1));
        }
    }
    return wanted == event;
}

std::expected<void, std::string> Stream::read_more() {
    std::ifstream file(path_);
    file.seekg(offset_);
    char bytes[65536];
    while (file.read(bytes, sizeof bytes) || file.gcount() > 0) {
        partial_.append(bytes, static_cast<std::size_t>(file.gcount()));
        offset_ += file.gcount();
    }
    std::size_t begin = 0;
    for (std::size_t end; (end = partial_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
        const std::string line = partial_.substr(begin, end - begin);
        json event = json::parse(line, nullptr, false);
        if (event.is_discarded()) {
            return std::unexpected("the live stream has a line that is no JSON: " +
                                   line.substr(0, 120));
        }
        if (session_.is_null()) session_ = event;
        events_.push_back(std::move(event));
        text_ += line + '\n';
    }
    partial_.erase(0, begin);
    return {};
}

std::expected<void, std::string> Stream::catch_up(Seconds limit) {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + limit;
    while (true) {
        if (auto read = read_more(); !read) return read;
        std::size_t seen = events_.size();
        const pid_t child = ::fork();
        if (child == 0) ::_exit(0);
        if (child < 0) return std::unexpected(std::string("cannot fork"));
        ::waitpid(child, nullptr, 0);
        const json wanted = {{"kind", "task_exit"}, {"task", {{"tid", child}}}};
        const auto again = Clock::now() + 5s;
        do {
            std::this_thread::sleep_for(20ms);
            if (auto read = read_more(); !read) return read;
            for (; seen < events_.size(); ++seen) {
                if (is_subset(wanted, events_[seen])) return {};
            }
            if (Clock::now() > until) {
                return std::unexpected("the live stream does not show the exit of tid " +
                                       std::to_string(child));
            }
        } while (Clock::now() < again);
    }
}

std::vector<json> Stream::take() {
    return std::exchange(events_, {});
}

std::string Stream::take_text() {
    return std::exchange(text_, {});
}

bool Expectations::add(const std::string& line) {
    constexpr std::pair<std::string_view, Rule> words[] = {
        {"expect ", Rule::in_order}, {"anywhere ", Rule::anywhere}, {"never ", Rule::never}};
    for (const auto& [word, rule] : words) {
        if (line.starts_with(word)) {
            wanted_.push_back({rule, json::parse(line.substr(word.size()))});
            return true;
        }
    }
    return false;
}

std::size_t Expectations::keep_visible(const Hooks& hooks) {
    const std::size_t before = wanted_.size();
    std::vector<Wanted> kept;
    for (const Wanted& wanted : wanted_) {
        if (auto event = hooks.visible(wanted.event)) {
            kept.push_back({wanted.rule, std::move(*event)});
        }
    }
    wanted_ = std::move(kept);
    return before - wanted_.size();
}

std::vector<std::string> Expectations::unmet(const std::vector<json>& events) const {
    std::vector<std::string> result;
    auto cursor = events.begin();
    for (const Wanted& wanted : wanted_) {
        const auto matches = [&](const json& event) { return is_subset(wanted.event, event); };
        const bool ordered = wanted.rule == Rule::in_order;
        const auto at = std::find_if(ordered ? cursor : events.begin(), events.end(), matches);
        const bool found = at != events.end();
        if (wanted.rule == Rule::never) {
            if (found) result.push_back("stream: there is " + at->dump());
        } else if (found) {
            if (ordered) cursor = std::next(at);
        } else {
            const bool earlier = ordered && std::ranges::any_of(events, matches);
            result.push_back((earlier ? "stream: too early: " : "stream: missing: ") +
                             wanted.event.dump());
        }
    }
    return result;
}

}  // namespace vmtests
