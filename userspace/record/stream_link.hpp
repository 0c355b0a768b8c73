// SPDX-License-Identifier: Apache-2.0
// A connection to a server of NATS JetStream, whichever of several answers. It does not mend
// itself: on an error it is given up and another is opened, so that nothing waits in the buffers of
// a library, and nothing is sent again that nobody asked to be sent.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "record/stream_url.hpp"

namespace nstrail {

/// What is sent, or was stored.
struct StreamMessage {
    std::string subject;
    std::string id;  ///< the server takes a second one of an id for a double, for a while
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::byte> payload;
    std::uint64_t sequence = 0;  ///< its place in the stream; 0 = not stored yet
    std::int64_t stored_ns = 0;  ///< when it was, by the server's calendar

    [[nodiscard]] std::string header(std::string_view name) const;
    /// 0 where it is not there, or no number.
    [[nodiscard]] std::uint64_t number(std::string_view name) const;
};

/// One thread.
class StreamLink {
public:
    /// Tries each server once, in any order.
    [[nodiscard]] static Result<std::unique_ptr<StreamLink>> open(const StreamUrl& url);
    /// Tries that one of url.servers.
    [[nodiscard]] static Result<std::unique_ptr<StreamLink>> open(const StreamUrl& url,
                                                                  std::size_t server);
    StreamLink(const StreamLink&) = delete;
    StreamLink& operator=(const StreamLink&) = delete;
    ~StreamLink();

    /// Returns when a stream has stored it, or had it already: true = it had.
    [[nodiscard]] Result<bool> publish(const StreamMessage& message);
    /// Of the call that failed last: asked again, perhaps of another server, it may do better. So
    /// it is while a stream has no leader, and not where there is no such stream.
    [[nodiscard]] bool passing() const { return passing_; }
    /// False once the server has gone.
    [[nodiscard]] bool alive() const;
    /// No message may be larger, headers included.
    [[nodiscard]] std::size_t most_bytes() const;

    /// The first message of that subject from that place on; nothing where there is none. Any
    /// replica answers, and one may know less than another: see last().
    [[nodiscard]] Result<std::optional<StreamMessage>> next(const std::string& subject,
                                                            std::uint64_t sequence);
    /// The last message of a subject, as the leader of the stream knows it.
    [[nodiscard]] Result<std::optional<StreamMessage>> last(const std::string& subject);
    /// Those subjects that match and hold messages.
    [[nodiscard]] Result<std::vector<std::string>> subjects(const std::string& filter);

private:
    struct Parts;
    explicit StreamLink(StreamUrl url);
    [[nodiscard]] Result<void> connect(const std::string& server);
    /// `code` is what JetStream says of it, 0 = nothing.
    [[nodiscard]] std::unexpected<Error> refused(std::string what, int status, int code = 0);

    StreamUrl url_;
    bool passing_ = false;
    std::unique_ptr<Parts> parts_;
};

}  // namespace nstrail
