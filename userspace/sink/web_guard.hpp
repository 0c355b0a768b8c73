// SPDX-License-Identifier: Apache-2.0
// Who is let in, and for what.
#pragma once

#include <array>
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

    /// Whether it was turned away, and the response says why.
    [[nodiscard]] bool turns_away(const httplib::Request& request,
                                  httplib::Response& response) const;

private:
    using Digest = std::array<unsigned char, 32>;
    [[nodiscard]] bool host_allowed(const httplib::Request& request) const;
    [[nodiscard]] bool knows(const httplib::Request& request) const;
    [[nodiscard]] bool is_token(std::string_view given) const;

    std::vector<std::string> hosts_;
    std::optional<Digest> token_;
    WebCounts& counts_;
};

}  // namespace nstrail
