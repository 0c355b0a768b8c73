// SPDX-License-Identifier: Apache-2.0
// How a stream of NATS JetStream is named: nats://HOST:PORT[,HOST:PORT…][/STREAM][?NAME=VALUE&…]
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nstrail {

struct StreamUrl {
    std::vector<std::string> servers;  ///< "nats://HOST:PORT" or "tls://HOST:PORT", at least one
    std::string stream;                ///< empty = not named
    std::string host;                  ///< only recordings of that host
    std::string boot;                  ///< only that boot
    std::string credentials;           ///< file with a JWT and the seed of an NKey
    std::string ca;                    ///< file of those who may sign servers' certificates
    std::string certificate;           ///< file with the client's own certificate …
    std::string key;                   ///< … and its key

    [[nodiscard]] static bool looks_like(std::string_view text);
    /// Percent signs in values stand for bytes, as in any URL. Fails on what it does not know.
    [[nodiscard]] static Result<StreamUrl> parse(std::string_view text);
    /// For messages: servers and stream, without what may be secret.
    [[nodiscard]] std::string text() const;
};

/// `url` with ?name=value added, whatever is in the value.
[[nodiscard]] std::string with_query(std::string url, std::string_view name,
                                     std::string_view value);

}  // namespace nstrail
