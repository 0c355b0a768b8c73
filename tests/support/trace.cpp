// SPDX-License-Identifier: Apache-2.0
#include "support/trace.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <gtest/gtest.h>

namespace nstrail::test {

using nlohmann::json;

namespace {

using Row = std::pair<std::uint64_t, std::uint64_t>;  // pid, tid

Row row_of(const json& event) {
    return {event["pid"].get<std::uint64_t>(), event["tid"].get<std::uint64_t>()};
}

struct Span {
    std::int64_t from;
    std::int64_t until;
};

/// What every event has, and what its phase asks for.
void check_event(const json& event) {
    ASSERT_TRUE(event.is_object()) << event;
    for (const char* number : {"pid", "tid"}) {
        ASSERT_TRUE(event.contains(number) && event[number].is_number_unsigned()) << event;
        EXPECT_GT(event[number], 0) << event;
        EXPECT_LE(event[number], std::numeric_limits<std::int32_t>::max()) << event;
    }
    ASSERT_TRUE(event.contains("ts") && event["ts"].is_number()) << event;
    EXPECT_GE(event["ts"], 0) << event;
    ASSERT_TRUE(event.contains("name") && event["name"].is_string()) << event;
    EXPECT_NE(event["name"], "") << event;
    const std::string phase = event["ph"];
    if (phase == "X") {
        ASSERT_TRUE(event.contains("dur") && event["dur"].is_number()) << event;
        EXPECT_GE(event["dur"], 0) << event;
    } else if (phase == "i") {
        EXPECT_TRUE(event["s"] == "t" || event["s"] == "p" || event["s"] == "g") << event;
    } else if (phase == "M") {
        EXPECT_TRUE(event["name"] == "process_sort_index" ? event["args"]["sort_index"].is_number()
                                                          : event["args"]["name"].is_string())
            << event;
    } else {
        EXPECT_TRUE((phase == "s" || phase == "f") && event.contains("id")) << event;
    }
    if (phase == "X" || phase == "i") {
        EXPECT_TRUE(event["args"].is_object() && event["cat"].is_string()) << event;
    }
}

void check_nesting(const std::vector<Span>& spans) {
    std::vector<Span> sorted = spans;
    std::ranges::stable_sort(sorted, {}, &Span::from);
    std::vector<Span> open;
    for (const Span& one : sorted) {
        while (!open.empty() && open.back().until <= one.from && open.back().until < one.until) {
            open.pop_back();
        }
        EXPECT_TRUE(open.empty() || one.until <= open.back().until)
            << "[" << one.from << ", " << one.until << "] is partly within [" << open.back().from
            << ", " << open.back().until << "]";
        open.push_back(one);
    }
}

}  // namespace

std::int64_t ns_of(const json& microseconds) {
    return std::llround(microseconds.get<double>() * 1000);
}

std::vector<json> Trace::of(char phase, const std::string& category) const {
    std::vector<json> all;
    for (const json& event : document["traceEvents"]) {
        if (event["ph"] == std::string(1, phase) && event.value("cat", "") == category) {
            all.push_back(event);
        }
    }
    return all;
}

std::string Trace::row(const json& event) const {
    std::string name;
    for (const json& one : document["traceEvents"]) {
        if (one["name"] == "thread_name" && row_of(one) == row_of(event)) {
            name = one["args"]["name"];
        }
    }
    return name;
}

std::string Trace::process(const json& event) const {
    std::string name;
    for (const json& one : document["traceEvents"]) {
        if (one["name"] == "process_name" && one["pid"] == event["pid"]) {
            name = one["args"]["name"];
        }
    }
    return name;
}

std::vector<json> Trace::within(const json& slice) const {
    std::vector<json> all;
    for (const json& one : document["traceEvents"]) {
        if (one["ph"] == "X" && row_of(one) == row_of(slice) && one != slice) {
            all.push_back(one);
        }
    }
    return all;
}

json Trace::only(const std::string& category, const std::string& wanted) const {
    json found;
    for (const json& slice : of('X', category)) {
        if (row(slice) == wanted) {
            EXPECT_TRUE(found.is_null()) << "two on " << wanted;
            found = slice;
        }
    }
    EXPECT_FALSE(found.is_null()) << "none on " << wanted;
    return found;
}

Trace checked_trace(const std::string& text) {
    Trace trace{.document = json::parse(text, nullptr, false)};
    if (!trace.document.is_object() || !trace.document["traceEvents"].is_array()) {
        ADD_FAILURE() << "no document: " << text.substr(0, 200);
        trace.document = {{"traceEvents", json::array()}, {"otherData", json::object()}};
        return trace;
    }
    // Readers look at the first bytes to find out what it is.
    EXPECT_TRUE(text.starts_with("{\"traceEvents\":["));
    std::set<Row> named;
    std::set<std::uint64_t> named_processes;
    std::map<std::uint64_t, std::uint64_t> process_of_thread;
    std::map<Row, std::vector<Span>> slices;
    std::map<std::uint64_t, std::pair<json, json>> arrows;
    for (const json& event : trace.document["traceEvents"]) {
        check_event(event);
        const Row row = row_of(event);
        const auto [at, added] = process_of_thread.try_emplace(row.second, row.first);
        EXPECT_TRUE(added || at->second == row.first) << "one number in two processes: " << event;
        if (event["name"] == "thread_name") {
            named.insert(row);
        } else if (event["name"] == "process_name") {
            named_processes.insert(row.first);
        }
        if (event["ph"] == "X") {
            const std::int64_t from = ns_of(event["ts"]);
            slices[row].push_back({.from = from, .until = from + ns_of(event["dur"])});
        } else if (event["ph"] == "s") {
            arrows[event["id"]].first = event;
        } else if (event["ph"] == "f") {
            arrows[event["id"]].second = event;
        }
    }
    for (const auto& [thread, process] : process_of_thread) {
        EXPECT_TRUE(named.contains({process, thread})) << thread << " has no name";
        EXPECT_TRUE(named_processes.contains(process)) << process << " has no name";
        EXPECT_FALSE(process_of_thread.contains(process)) << process << " is a thread, too";
    }
    for (const auto& [row, spans] : slices) {
        check_nesting(spans);
    }
    for (const auto& [id, ends] : arrows) {
        const auto& [from, to] = ends;
        if (from.is_null() || to.is_null()) {
            ADD_FAILURE() << "half an arrow: " << id;
            continue;
        }
        EXPECT_TRUE(std::ranges::any_of(slices[row_of(from)],
                                        [&](const Span& span) {
                                            return span.from <= ns_of(from["ts"]) &&
                                                   ns_of(from["ts"]) <= span.until;
                                        }))
            << "from no slice: " << from;
        EXPECT_TRUE(std::ranges::any_of(
            slices[row_of(to)], [&](const Span& span) { return span.from >= ns_of(to["ts"]); }))
            << "to no slice: " << to;
    }
    return trace;
}

}  // namespace nstrail::test
