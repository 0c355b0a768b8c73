// SPDX-License-Identifier: Apache-2.0
// Reads a stream as one that is there: where its servers are just choosing another leader, or one
// of them knows less than the others yet, it asks again for a while.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "record/stream_link.hpp"

namespace nstrail {

/// One thread. A call may take 20 s before it fails; what no waiting mends fails at once.
class StreamReader {
public:
    /// Tries each server once.
    [[nodiscard]] static Result<StreamReader> open(const StreamUrl& url);

    /// Those subjects that match and hold messages.
    [[nodiscard]] Result<std::vector<std::string>> subjects(const std::string& filter);
    /// The last message of a subject; nothing where there is none.
    [[nodiscard]] Result<std::optional<StreamMessage>> last(const std::string& subject);

    /// Whether there are messages ahead of one: a stream that took them all must have those.
    enum class Before : std::uint8_t { none, perhaps, some };
    using Judge = std::function<Before(const StreamMessage&)>;
    /// The first message of a subject from that place on; nothing where there is none. A server may
    /// know less than others, or pass over messages that it has: one of nats-server 2.9.10 that was
    /// killed and came back does so for good. So all servers are asked where judge(message) finds
    /// that there is perhaps one before it, the first that any of them has counts, and where there
    /// is some they are asked for a while. Where one is `known` to be, likewise: nothing = the
    /// stream has dropped it meanwhile.
    [[nodiscard]] Result<std::optional<StreamMessage>> next(
        const std::string& subject, std::uint64_t sequence, bool known,
        const Judge& judge = [](const StreamMessage&) { return Before::none; });

    [[nodiscard]] const StreamUrl& url() const { return url_; }

private:
    explicit StreamReader(StreamUrl url) : url_(std::move(url)) {}
    [[nodiscard]] Result<void> link();
    void turn();
    template <class Ask>
    [[nodiscard]] auto patiently(const Ask& ask) -> decltype(ask(std::declval<StreamLink&>()));

    StreamUrl url_;
    std::size_t server_ = 0;            // of url_.servers
    std::unique_ptr<StreamLink> link_;  // none: another one is to be opened
    bool dropped_ = false;  // what should be there did not come: the next one is not waited for
};

}  // namespace nstrail
