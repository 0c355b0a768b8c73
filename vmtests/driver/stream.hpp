// SPDX-License-Identifier: Apache-2.0
//
// The live stream of events, and what subjects expect of it.
#ifndef NSTRAIL_VMTESTS_STREAM_HPP
#define NSTRAIL_VMTESTS_STREAM_HPP

#include <expected>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hooks.hpp"
#include "io.hpp"

namespace vmtests {

// Whether `event` has at least what `wanted` has. Arrays match element by element, in full length;
// a text that ends in * matches all that begin so.
bool is_subset(const nlohmann::json& wanted, const nlohmann::json& event);

// Reads the file that `nstrail live --json` writes.
class Stream {
public:
    explicit Stream(std::string path) : path_(std::move(path)) {}

    // Forks a child that ends at once, and reads until its exit is in the stream: by then all that
    // happened before it is there, as order in the stream is order in the kernel's ring. When the
    // exit itself is lost, another child is tried. An error is one line.
    std::expected<void, std::string> catch_up(Seconds limit);
    // What is there by now. An error is one line.
    std::expected<void, std::string> read_more();

    // The events read since the last call, and their text.
    std::vector<nlohmann::json> take();
    std::string take_text();
    // The first event of all, null before it came.
    const nlohmann::json& session() const { return session_; }

private:
    std::string path_;
    std::streamoff offset_ = 0;
    std::string partial_;
    std::vector<nlohmann::json> events_;
    std::string text_;
    nlohmann::json session_;
};

// What a subject printed: see vmtests/subjects/subject.h.
class Expectations {
public:
    // False when the line is no expectation. Throws nlohmann::json::exception on bad JSON.
    bool add(const std::string& line);
    std::size_t size() const { return wanted_.size(); }
    // What the hooks cannot show is taken out; returns how many that were.
    std::size_t keep_visible(const Hooks& hooks);
    // Each unmet expectation as one line.
    std::vector<std::string> unmet(const std::vector<nlohmann::json>& events) const;

private:
    enum class Rule { in_order, anywhere, never };
    struct Wanted {
        Rule rule;
        nlohmann::json event;
    };
    std::vector<Wanted> wanted_;
};

}  // namespace vmtests

#endif
