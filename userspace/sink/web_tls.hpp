// SPDX-License-Identifier: Apache-2.0
// Certificates and credentials, from files.
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "base/result.hpp"

namespace nstrail {

using TlsContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

/// For a server, of TLS 1.2 or later. With `client_ca` only clients with a certificate of it are
/// let in.
[[nodiscard]] Result<TlsContext> make_tls(const std::string& certificate, const std::string& key,
                                          const std::string& client_ca);

/// The one line of a file that others cannot read.
[[nodiscard]] Result<std::string> read_token(const std::string& path);

}  // namespace nstrail
