// SPDX-License-Identifier: Apache-2.0
// Reads a stream as one that is there: where its servers are just choosing another leader, or one
// of them knows less than the others yet, it asks again for a while.
#pragma once

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

    using Follows = std::function<bool(const StreamMessage&)>;
    /// The first message of a subject from that place on; nothing where there is none. A server may
    /// know less than another one, or pass over messages that it has (seen of NATS 2.9 under load):
    /// until follows(message) several are asked, and the first message that any of them has counts.
    /// Where one is `known` to be it is waited for: nothing = the stream has dropped it meanwhile.
    [[nodiscard]] Result<std::optional<StreamMessage>> next(
        const std::string& subject, std::uint64_t sequence, bool known,
        const Follows& follows = [](const StreamMessage&) { return true; });

    [[nodiscard]] const StreamUrl& url() const { return url_; }

private:
    StreamReader(StreamUrl url, std::unique_ptr<StreamLink> link)
        : url_(std::move(url)), link_(std::move(link)) {}
    template <class Ask>
    [[nodiscard]] auto patiently(const Ask& ask) -> decltype(ask(std::declval<StreamLink&>()));

    StreamUrl url_;
    std::unique_ptr<StreamLink> link_;  // none: the last one failed
};

}  // namespace nstrail
