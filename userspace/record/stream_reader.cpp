// SPDX-License-Identifier: Apache-2.0
#include "record/stream_reader.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

namespace nstrail {

namespace {

using std::chrono::milliseconds;

// How long a cluster may take to choose another leader, and a replica to hear what others know.
constexpr milliseconds patience{20'000};
constexpr milliseconds first_retry{50};
constexpr milliseconds longest_retry{1000};
// One address may lead to several servers.
constexpr int least_asked = 3;

}  // namespace

Result<StreamReader> StreamReader::open(const StreamUrl& url) {
    StreamReader reader(url);
    // Not all readers begin with the same one.
    reader.server_ = std::random_device()() % url.servers.size();
    Result<void> linked;
    for (std::size_t tried = 0; tried < url.servers.size(); tried++) {
        linked = reader.link();
        if (linked) {
            return reader;
        }
        reader.turn();
    }
    return std::unexpected(linked.error());
}

Result<void> StreamReader::link() {
    if (!link_) {
        auto opened = StreamLink::open(url_, server_);
        if (!opened) {
            return std::unexpected(std::move(opened.error()));
        }
        link_ = std::move(*opened);
    }
    return {};
}

/// To the next server.
void StreamReader::turn() {
    link_.reset();
    server_ = (server_ + 1) % url_.servers.size();
}

/// What ask(link) answers, once it does or time is up.
template <class Ask>
auto StreamReader::patiently(const Ask& ask) -> decltype(ask(std::declval<StreamLink&>())) {
    const auto until = std::chrono::steady_clock::now() + patience;
    milliseconds wait = first_retry;
    while (true) {
        Error fault;
        if (auto linked = link(); linked) {
            auto answer = ask(*link_);
            if (answer || !link_->passing()) {
                return answer;
            }
            fault = std::move(answer.error());
        } else {
            fault = std::move(linked.error());
        }
        turn();
        if (std::chrono::steady_clock::now() > until) {
            return std::unexpected(std::move(fault));
        }
        std::this_thread::sleep_for(wait);
        wait = std::min(wait * 2, longest_retry);
    }
}

Result<std::vector<std::string>> StreamReader::subjects(const std::string& filter) {
    return patiently([&](StreamLink& link) { return link.subjects(filter); });
}

Result<std::optional<StreamMessage>> StreamReader::last(const std::string& subject) {
    auto found = patiently([&](StreamLink& link) { return link.last(subject); });
    bool known = false;
    if (found && !*found) {
        // Servers say so, too, for a while after they chose another leader (seen of NATS 2.9 under
        // load), but list no subject that has none.
        const auto listed = subjects(subject);
        if (!listed) {
            return std::unexpected(listed.error());
        }
        known = !listed->empty();
    }
    // It may be told of an earlier one: what is behind it others know.
    while (found) {
        auto later = next(subject, *found ? (*found)->sequence + 1 : 1, known && !*found);
        if (later && !*later) {
            break;
        }
        found = std::move(later);
    }
    return found && !*found && known
               ? fail("read " + url_.text(),
                      "its servers list messages of " + subject + " that they do not give",
                      "try again")
               : found;
}

Result<std::optional<StreamMessage>> StreamReader::next(const std::string& subject,
                                                        std::uint64_t sequence, bool known,
                                                        const Judge& judge) {
    const auto until = std::chrono::steady_clock::now() + patience;
    const int enough = std::max(least_asked, static_cast<int>(url_.servers.size()));
    milliseconds wait = first_retry;
    std::optional<StreamMessage> first;
    for (int asked = 1;; asked++) {
        auto got = patiently([&](StreamLink& link) { return link.next(subject, sequence); });
        if (!got) {
            return got;
        }
        if (*got && (!first || (*got)->sequence < first->sequence)) {
            first = std::move(*got);
        }
        const Before before = first ? judge(*first) : known ? Before::some : Before::perhaps;
        const bool waits = before == Before::some && (!first || !dropped_);
        if (before == Before::none || (!waits && asked >= enough)) {
            return first;
        }
        if (std::chrono::steady_clock::now() > until) {
            dropped_ = true;
            return first;
        }
        if (waits && static_cast<std::size_t>(asked) % url_.servers.size() == 0) {
            std::this_thread::sleep_for(wait);
            wait = std::min(wait * 2, longest_retry);
        }
        turn();
    }
}

}  // namespace nstrail
