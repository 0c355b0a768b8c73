// SPDX-License-Identifier: Apache-2.0
#include "sink/web_tls.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <sys/stat.h>

#include <openssl/err.h>

namespace nstrail {

namespace {

constexpr std::size_t least_token = 8;
constexpr std::size_t most_token = 1024;

std::string openssl_words() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char* words = ERR_reason_error_string(code);
    return words == nullptr ? "OpenSSL gives no reason" : words;
}

/// What is secret in it is so only while others can neither read nor replace it.
Result<void> check_private(const std::string& path) {
    struct stat file{};
    if (stat(path.c_str(), &file) != 0) {
        return fail("read " + path, errno);
    }
    if (!S_ISREG(file.st_mode)) {
        return fail("read " + path, "it is not a file");
    }
    if ((file.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
        return fail("use " + path, "others may read it or write to it", "chmod 600 " + path);
    }
    return {};
}

}  // namespace

Result<TlsContext> make_tls(const std::string& certificate, const std::string& key,
                            const std::string& client_ca) {
    if (auto secret = check_private(key); !secret) {
        return std::unexpected(secret.error());
    }
    TlsContext tls(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!tls || SSL_CTX_set_min_proto_version(tls.get(), TLS1_2_VERSION) != 1) {
        return fail("prepare TLS", openssl_words());
    }
    // Without sessions each connection proves anew who it is.
    SSL_CTX_set_options(tls.get(),
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(tls.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(tls.get(), 0);
    SSL_CTX_set_mode(tls.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(tls.get(), certificate.c_str()) != 1) {
        return fail("read the certificate " + certificate, openssl_words(),
                    "it is a file in PEM: the server's own first, then those above it");
    }
    if (SSL_CTX_use_PrivateKey_file(tls.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return fail("read the key " + key, openssl_words(),
                    "it is a file in PEM without a password, and belongs to " + certificate);
    }
    if (!client_ca.empty()) {
        if (SSL_CTX_load_verify_locations(tls.get(), client_ca.c_str(), nullptr) != 1) {
            return fail("read the certificates " + client_ca, openssl_words(),
                        "it is a file in PEM");
        }
        SSL_CTX_set_client_CA_list(tls.get(), SSL_load_client_CA_file(client_ca.c_str()));
        SSL_CTX_set_verify(tls.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    return tls;
}

Result<std::string> read_token(const std::string& path) {
    if (auto secret = check_private(path); !secret) {
        return std::unexpected(secret.error());
    }
    std::ifstream file(path);
    std::string token;
    std::string more;
    std::getline(file, token);
    if (!token.empty() && token.back() == '\r') {
        token.pop_back();
    }
    const bool plain = std::ranges::all_of(token, [](char c) { return c > ' ' && c < '\x7f'; });
    if (!plain || token.size() < least_token || token.size() > most_token ||
        std::getline(file, more)) {
        return fail("use " + path,
                    "it is not one line of 8 to 1024 letters, digits and signs without a space",
                    "e.g. openssl rand -hex 32 > " + path);
    }
    return token;
}

}  // namespace nstrail
