// SPDX-License-Identifier: Apache-2.0
#include "sink/trace_events.hpp"

namespace nstrail {

/// The list comes first in the document, as readers find out what it is by its first bytes.
void TraceWriter::open(char phase, const Track& track, std::uint64_t at) {
    put(R"({}{{"ph":"{}","pid":{},"tid":{},"ts":{}.{:03})", begun_ ? ",\n" : "{\"traceEvents\":[\n",
        phase, track.process, track.thread, at / 1000, at % 1000);
    begun_ = true;
}

void TraceWriter::process(const Track& track, std::string_view name, std::uint32_t sort_index) {
    open('M', track, 0);
    put(R"(,"name":"process_name","args":{{"name":{}}}}})", json_quote(name));
    open('M', track, 0);
    put(R"(,"name":"process_sort_index","args":{{"sort_index":{}}}}})", sort_index);
}

void TraceWriter::thread(const Track& track, std::string_view name) {
    open('M', track, 0);
    put(R"(,"name":"thread_name","args":{{"name":{}}}}})", json_quote(name));
}

void TraceWriter::slice(const Track& track, std::string_view category, std::string_view name,
                        std::uint64_t from, std::uint64_t until, const TraceArgs& args) {
    open('X', track, from);
    put(R"(,"dur":{}.{:03},"cat":"{}","name":{},"args":{{{}}}}})", (until - from) / 1000,
        (until - from) % 1000, category, json_quote(name), args.members());
}

void TraceWriter::instant(const Track& track, Scope scope, std::string_view category,
                          std::string_view name, std::uint64_t at, const TraceArgs& args) {
    open('i', track, at);
    put(R"(,"s":"{}","cat":"{}","name":{},"args":{{{}}}}})", static_cast<char>(scope), category,
        json_quote(name), args.members());
}

void TraceWriter::arrow(const Track& from, const Track& to, std::uint64_t at) {
    for (const auto& [phase, track] : {std::pair('s', from), {'f', to}}) {
        open(phase, track, at);
        put(R"(,"id":{},"cat":"task","name":"child"}})", to.thread);
    }
}

void TraceWriter::close(const TraceArgs& other) {
    put("{}\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{{{}}}}}\n",
        begun_ ? "" : "{\"traceEvents\":[", other.members());
}

}  // namespace nstrail
