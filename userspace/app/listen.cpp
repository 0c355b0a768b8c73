// SPDX-License-Identifier: Apache-2.0
#include "app/listen.hpp"

namespace nstrail {

void ListenChoice::add_to(CLI::App& command) {
    command.add_flag("--insecure-listen", insecure,
                     "allow an address beyond loopback, unencrypted and open");
    command.add_option("--tls-cert", tls_certificate,
                       "serve over TLS with this certificate: a file in PEM");
    command.add_option("--tls-key", tls_key, "and this key, which others must not be able to read");
    command.add_option("--tls-client-ca", tls_client_ca,
                       "let in only clients with a certificate of this authority");
    command.add_option("--token-file", token_file,
                       "let in only those who know the line in this file, as a bearer token or as "
                       "the password of any user");
    command.add_option("--allow-host", allow_hosts,
                       "a name that requests may be for besides localhost, e.g. of a proxy; may be "
                       "given again");
}

Result<WebOptions> ListenChoice::resolve() const {
    WebOptions web;
    web.insecure = insecure;
    web.tls_certificate = tls_certificate;
    web.tls_key = tls_key;
    web.tls_client_ca = tls_client_ca;
    web.token_file = token_file;
    web.allow_hosts = allow_hosts;
    web.version = NSTRAIL_VERSION;
    if (auto parsed = parse_listen(listen, web); !parsed) {
        return std::unexpected(parsed.error());
    }
    return web;
}

}  // namespace nstrail
