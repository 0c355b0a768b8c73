// SPDX-License-Identifier: Apache-2.0
#include "record/stream_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/percent.hpp"

namespace nstrail {

namespace {

constexpr std::string_view schemes[] = {"nats://", "tls://"};
constexpr const char* form = "e.g. nats://HOST:4222/STREAM?creds=FILE (docs/FLEET.md)";

std::string_view scheme_of(std::string_view text) {
    const auto* found = std::ranges::find_if(
        schemes, [&](std::string_view scheme) { return text.starts_with(scheme); });
    return found == std::end(schemes) ? std::string_view() : *found;
}

/// What is ahead of the first of those characters; `text` becomes what follows it.
std::string_view cut(std::string_view& text, std::string_view at) {
    const std::size_t end = std::min(text.find_first_of(at), text.size());
    const std::string_view head = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return head;
}

bool is_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && port > 0 && port < 65536;
}

}  // namespace

bool StreamUrl::looks_like(std::string_view text) {
    return !scheme_of(text).empty();
}

Result<StreamUrl> StreamUrl::parse(std::string_view text) {
    const auto bad = [](std::string why) {
        // The text itself may hold a password.
        return fail("understand the address of the stream", std::move(why), form);
    };
    const std::string_view scheme = scheme_of(text);
    if (scheme.empty()) {
        return bad("it does not begin with nats:// or tls://");
    }
    std::string_view rest = text.substr(scheme.size());
    const std::size_t query_at = rest.find('?');
    std::string_view query =
        query_at == std::string_view::npos ? std::string_view() : rest.substr(query_at + 1);
    rest = rest.substr(0, query_at);
    std::string_view servers = cut(rest, "/");
    StreamUrl url;
    url.stream = rest;
    if (url.stream.find_first_of("./*> \t") != std::string::npos) {
        return bad(fmt::format("'{}' is no name of a stream", url.stream));
    }
    if (servers.ends_with(',')) {
        return bad("a server is missing behind the last comma");
    }
    do {
        const std::string_view server = cut(servers, ",");
        const std::size_t colon = server.rfind(':');
        if (colon == 0 || colon == std::string_view::npos || !is_port(server.substr(colon + 1))) {
            return bad("a server is HOST:PORT");
        }
        url.servers.push_back(std::string(scheme) + std::string(server));
    } while (!servers.empty());
    while (!query.empty()) {
        std::string_view value = cut(query, "&");
        const std::string_view name = cut(value, "=");
        std::string* const to = name == "host"    ? &url.host
                                : name == "boot"  ? &url.boot
                                : name == "creds" ? &url.credentials
                                : name == "ca"    ? &url.ca
                                : name == "cert"  ? &url.certificate
                                : name == "key"   ? &url.key
                                                  : nullptr;
        const auto plain = percent_decoded(value);
        if (to == nullptr || !plain || plain->empty()) {
            return bad(
                to == nullptr
                    ? fmt::format("it knows host, boot, creds, ca, cert and key, not '{}'", name)
                    : fmt::format("'{}' has no value that can be read", name));
        }
        *to = *plain;
    }
    if (url.certificate.empty() != url.key.empty()) {
        return bad("a certificate of one's own needs its key: cert and key go together");
    }
    return url;
}

std::string StreamUrl::text() const {
    std::string all;
    for (const std::string& server : servers) {
        const std::size_t start = scheme_of(server).size();
        const std::size_t at = server.rfind('@');
        const std::string address = server.substr(at == std::string::npos ? start : at + 1);
        all += all.empty() ? server.substr(0, start) + address : ',' + address;
    }
    return stream.empty() ? all : all + '/' + stream;
}

std::string with_query(std::string url, std::string_view name, std::string_view value) {
    url += url.find('?') == std::string::npos ? '?' : '&';
    url += name;
    url += '=';
    for (const char c : value) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
        url += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return url;
}

}  // namespace nstrail
