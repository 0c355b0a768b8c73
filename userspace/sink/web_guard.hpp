// SPDX-License-Identifier: Apache-2.0
// Who is let in, and for what.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <httplib.h>

#include "sink/web_counts.hpp"

namespace nstrail {

/// On every answer.
[[nodiscard]] const std::vector<std::pair<std::string, std::string>>& security_headers();

/// Looks at each request before it is answered. Any thread.
class WebGuard {
public:
    /// `hosts`: names that requests may be for; empty = any. `token`: empty = none is demanded.
    WebGuard(std::vector<std::string> hosts, const std::string& token, WebCounts& counts);

    /// From the next request on.
    void demand(const std::string& token);

    /// Whether it was turned away, and the response says why.
    [[nodiscard]] bool turns_away(const httplib::Request& request,
                                  httplib::Response& response) const;

private:
    using Digest = std::array<unsigned char, 32>;
    [[nodiscard]] bool host_allowed(const httplib::Request& request) const;
    [[nodiscard]] bool knows(const httplib::Request& request) const;
    [[nodiscard]] static bool is_token(std::string_view given, const Digest& token);

    std::vector<std::string> hosts_;
    mutable std::mutex lock_;
    std::optional<Digest> token_;
    WebCounts& counts_;
};

}  // namespace nstrail
