// SPDX-License-Identifier: Apache-2.0
// The options of every command that serves over HTTP.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/result.hpp"
#include "sink/web.hpp"

namespace nstrail {

struct ListenChoice {
    static constexpr const char* here = "127.0.0.1:9977";

    std::string listen = here;
    bool insecure = false;
    std::string tls_certificate;
    std::string tls_key;
    std::string tls_client_ca;
    std::string token_file;
    std::vector<std::string> allow_hosts;

    void add_to(CLI::App& command);
    [[nodiscard]] Result<WebOptions> resolve() const;
};

}  // namespace nstrail
