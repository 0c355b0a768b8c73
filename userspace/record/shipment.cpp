// SPDX-License-Identifier: Apache-2.0
#include "record/shipment.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/percent.hpp"

namespace nstrail {

namespace {

constexpr std::string_view root = "nstrail.v1.";
constexpr std::string_view chunk_leaf = ".chunk";

bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/// A token of a subject: dots and whatever else means something there become %XX.
std::string token(std::string_view text) {
    std::string made;
    for (const char c : text) {
        made +=
            plain(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return made;
}

std::string text_of_token(std::string_view token) {
    return percent_decoded(token).value_or(std::string(token));
}

void set(StreamMessage& message, std::string_view name, std::uint64_t value) {
    const auto found =
        std::ranges::find(message.headers, name, &std::pair<std::string, std::string>::first);
    if (found == message.headers.end()) {
        message.headers.emplace_back(name, std::to_string(value));
    } else {
        found->second = std::to_string(value);
    }
}

}  // namespace

std::string ShipName::packets_subject() const {
    return fmt::format("{}{}.{}.{}", root, token(cluster), token(host), uuid_text(boot));
}

std::string ShipName::chunks_subject() const {
    return packets_subject() + std::string(chunk_leaf);
}

std::optional<ShipName> ShipName::parse(std::string_view subject) {
    if (!subject.starts_with(root)) {
        return std::nullopt;
    }
    subject.remove_prefix(root.size());
    if (subject.ends_with(chunk_leaf)) {
        subject.remove_suffix(chunk_leaf.size());
    }
    const std::size_t first = subject.find('.');
    const std::size_t second =
        subject.find('.', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos) {
        return std::nullopt;
    }
    const auto boot = parse_uuid(subject.substr(second + 1));
    if (!boot) {
        return std::nullopt;
    }
    ShipName name{.cluster = text_of_token(subject.substr(0, first)),
                  .host = text_of_token(subject.substr(first + 1, second - first - 1)),
                  .boot = *boot};
    // Whoever wrote one name in another way is not us, and under ours nothing would be found.
    return name.packets_subject().substr(root.size()) == subject ? std::optional(std::move(name))
                                                                 : std::nullopt;
}

std::string chunks_filter(const std::string& host, const std::string& boot) {
    return fmt::format("{}*.{}.{}{}", root, host.empty() ? "*" : token(host),
                       boot.empty() ? "*" : token(boot), chunk_leaf);
}

StreamMessage begin_shipment(const ShipName& name, const ShipMark& acknowledged) {
    StreamMessage message;
    message.subject = name.packets_subject();
    set(message, acknowledged_chunk_header, acknowledged.chunk);
    set(message, acknowledged_packets_header, acknowledged.next_packet);
    return message;
}

void add_packet(StreamMessage& message, const PacketHeader& header,
                std::span<const std::byte> frame) {
    if (message.payload.empty()) {
        set(message, chunk_header, header.chunk);
        set(message, first_packet_header, header.packet_seq_num);
        set(message, begin_header, header.timestamp_begin);
    }
    set(message, last_packet_header, header.packet_seq_num);
    set(message, end_header, header.timestamp_end);
    set(message, lost_header, header.events_discarded);
    message.payload.insert(message.payload.end(), frame.begin(), frame.end());
}

void end_shipment(StreamMessage& message, const ShipName& name) {
    // Both ends: after a restart a message may begin with the same packet and hold more of them,
    // and must not be taken for a double of the shorter one.
    message.id = fmt::format("{}-{}-{}", uuid_text(name.boot), message.header(first_packet_header),
                             message.header(last_packet_header));
}

StreamMessage chunk_head(const ShipName& name, const StreamMessage& shipment,
                         std::span<const std::byte> frame) {
    StreamMessage message;
    message.subject = name.chunks_subject();
    message.id = fmt::format("{}-chunk-{}", uuid_text(name.boot), shipment.header(chunk_header));
    for (const std::string_view same :
         {chunk_header, begin_header, acknowledged_chunk_header, acknowledged_packets_header}) {
        set(message, same, shipment.number(same));
    }
    message.payload.assign(frame.begin(), frame.end());
    return message;
}

}  // namespace nstrail
