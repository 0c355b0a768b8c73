// SPDX-License-Identifier: Apache-2.0
#include "sink/web_guard.hpp"

#include <algorithm>

#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "sink/web_words.hpp"

namespace nstrail {

namespace {

/// The name in a Host header, without its port.
std::string_view name_of(std::string_view host) {
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        return end == std::string_view::npos ? host : host.substr(0, end + 1);
    }
    return host.substr(0, host.find(':'));
}

/// Base64; empty text if it is none.
std::string base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0 || text.size() > 4096) {
        return {};
    }
    std::string out(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    if (size < 0) {
        return {};
    }
    const auto padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    out.resize(static_cast<std::size_t>(size - padding));
    return out;
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& security_headers() {
    static const std::vector<std::pair<std::string, std::string>> headers = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
         "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Frame-Options", "DENY"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cache-Control", "no-store"}};
    return headers;
}

WebGuard::WebGuard(std::vector<std::string> hosts, const std::string& token, WebCounts& counts)
    : hosts_(std::move(hosts)), counts_(counts) {
    demand(token);
}

void WebGuard::demand(const std::string& token) {
    std::optional<Digest> digest;
    if (!token.empty()) {
        digest.emplace();
        SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest->data());
    }
    const std::scoped_lock hold(lock_);
    token_ = digest;
}

bool WebGuard::host_allowed(const httplib::Request& request) const {
    const auto given = request.get_header_value_count("Host");
    if (hosts_.empty() || (given == 0 && request.version == "HTTP/1.0")) {
        return true;  // only old tools leave it out, never a browser
    }
    const std::string host = request.get_header_value("Host");
    const std::string name(name_of(host));
    return given == 1 && std::ranges::any_of(hosts_, [&](const std::string& one) {
               return strcasecmp(one.c_str(), name.c_str()) == 0;
           });
}

/// Digests are of one length, and to compare them takes the same time wherever they differ.
bool WebGuard::is_token(std::string_view given, const Digest& token) {
    Digest digest{};
    SHA256(reinterpret_cast<const unsigned char*>(given.data()), given.size(), digest.data());
    return CRYPTO_memcmp(digest.data(), token.data(), digest.size()) == 0;
}

bool WebGuard::knows(const httplib::Request& request) const {
    std::optional<Digest> token;
    {
        const std::scoped_lock hold(lock_);
        token = token_;
    }
    if (!token) {
        return true;
    }
    if (request.get_header_value_count("Authorization") != 1) {
        return false;
    }
    const std::string given = request.get_header_value("Authorization");
    const std::string_view rest = given;
    if (begins_with(rest, "Bearer", ' ')) {
        return is_token(rest.substr(7), *token);
    }
    if (begins_with(rest, "Basic", ' ')) {
        const std::string both = base64(rest.substr(6));
        const auto colon = both.find(':');
        return colon != std::string::npos &&
               is_token(std::string_view(both).substr(colon + 1), *token);
    }
    return false;
}

bool WebGuard::turns_away(const httplib::Request& request, httplib::Response& response) const {
    const auto away = [&](TurnedAway reason, int status, std::string_view line) {
        counts_.turn_away(reason);
        response.status = status;
        response.set_content(error_json(line), "application/json");
        return true;
    };
    if (request.method != "GET" && request.method != "HEAD") {
        response.set_header("Allow", "GET, HEAD");
        return away(TurnedAway::method, 405, "nothing can be written here; only GET and HEAD");
    }
    if (!host_allowed(request)) {
        return away(TurnedAway::host, 421,
                    "this name is not one that is served here; ask by the address that is listened "
                    "on, or start with --allow-host NAME");
    }
    if (!knows(request)) {
        response.set_header("WWW-Authenticate", R"(Basic realm="nstrail", charset="UTF-8")");
        return away(TurnedAway::credential, 401,
                    "a token is demanded: as Authorization: Bearer TOKEN, or as the password of "
                    "any user");
    }
    if (request.has_header("Transfer-Encoding") ||
        (request.has_header("Content-Length") &&
         request.get_header_value("Content-Length") != "0")) {
        return away(TurnedAway::body, 413, "a request has no body here");
    }
    return false;
}

}  // namespace nstrail
