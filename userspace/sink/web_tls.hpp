// SPDX-License-Identifier: Apache-2.0
// Certificates and credentials, from files.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <openssl/ssl.h>

#include "base/result.hpp"

namespace nstrail {

using TlsContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

/// For a server, of TLS 1.2 or later. With `client_ca` only clients with a certificate of it are
/// let in.
[[nodiscard]] Result<TlsContext> make_tls(const std::string& certificate, const std::string& key,
                                          const std::string& client_ca);

/// The context for connections that begin now; those that have begun keep theirs. Any thread.
class TlsInUse {
public:
    /// Null = not encrypted.
    [[nodiscard]] std::shared_ptr<SSL_CTX> now() const {
        const std::scoped_lock hold(lock_);
        return context_;
    }
    void use(TlsContext context) {
        const std::scoped_lock hold(lock_);
        context_ = std::move(context);
    }

private:
    mutable std::mutex lock_;
    std::shared_ptr<SSL_CTX> context_;
};

/// The one line of a file that others cannot read.
[[nodiscard]] Result<std::string> read_token(const std::string& path);

}  // namespace nstrail
