// SPDX-License-Identifier: Apache-2.0
#include "record/stream_reader.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace nstrail {

namespace {

using std::chrono::milliseconds;

// How long a cluster may take to choose another leader, and a replica to hear what others know.
constexpr milliseconds patience{20'000};
constexpr milliseconds first_retry{50};
constexpr milliseconds longest_retry{1000};

}  // namespace

Result<StreamReader> StreamReader::open(const StreamUrl& url) {
    auto link = StreamLink::open(url);
    return link ? Result<StreamReader>(StreamReader(url, std::move(*link)))
                : std::unexpected(link.error());
}

/// What ask(link) answers, once enough(it) or time is up.
template <class Ask, class Enough>
auto StreamReader::patiently(const Ask& ask, const Enough& enough)
    -> decltype(ask(std::declval<StreamLink&>())) {
    const auto until = std::chrono::steady_clock::now() + patience;
    milliseconds wait = first_retry;
    while (true) {
        Error fault;
        if (!link_) {
            auto opened = StreamLink::open(url_);
            if (opened) {
                link_ = std::move(*opened);
            } else {
                fault = std::move(opened.error());
            }
        }
        const bool late = std::chrono::steady_clock::now() > until;
        if (link_) {
            auto answer = ask(*link_);
            if (answer && (late || enough(*answer))) {
                return answer;
            }
            if (!answer) {
                if (!link_->passing()) {
                    return answer;
                }
                fault = std::move(answer.error());
                link_.reset();
            }
        }
        if (late) {
            return std::unexpected(std::move(fault));
        }
        std::this_thread::sleep_for(wait);
        wait = std::min(wait * 2, longest_retry);
    }
}

Result<std::vector<std::string>> StreamReader::subjects(const std::string& filter) {
    return patiently([&](StreamLink& link) { return link.subjects(filter); },
                     [](const auto&) { return true; });
}

Result<std::optional<StreamMessage>> StreamReader::last(const std::string& subject) {
    bool there = false;
    return patiently(
        [&](StreamLink& link) {
            auto got = link.last(subject);
            // A server also says that there is none where it could not look (seen of NATS 2.9 under
            // load), but does not list a subject that has none.
            if (got && !*got) {
                const auto names = link.subjects(subject);
                there = !names || !names->empty();
            }
            return got;
        },
        [&](const auto& message) { return message.has_value() || !there; });
}

Result<std::optional<StreamMessage>> StreamReader::next(const std::string& subject,
                                                        std::uint64_t sequence) {
    return patiently([&](StreamLink& link) { return link.next(subject, sequence); },
                     [](const auto& message) { return message.has_value(); });
}

}  // namespace nstrail
