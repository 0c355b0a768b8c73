// SPDX-License-Identifier: Apache-2.0
#include "app/listen.hpp"

namespace nstrail {

void ListenChoice::add_to(CLI::App& command) {
    command.add_flag("--insecure-listen", insecure,
                     "allow an address beyond loopback, unencrypted and open");
}

Result<WebOptions> ListenChoice::resolve() const {
    WebOptions web{.insecure = insecure, .version = NSTRAIL_VERSION, .doctor = {}, .rules = {}};
    if (auto parsed = parse_listen(listen, web); !parsed) {
        return std::unexpected(parsed.error());
    }
    return web;
}

}  // namespace nstrail
