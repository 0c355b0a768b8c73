// SPDX-License-Identifier: Apache-2.0
#include "record/format.hpp"

#include <charconv>

#include <xxhash.h>
#ifdef NSTRAIL_XXHASH_DISPATCH
#include <xxh_x86dispatch.h>
#endif

#include <fmt/format.h>

namespace nstrail {

std::uint64_t packet_hash(const PacketHeader& header, const std::byte* packet) {
    PacketHeader plain = header;
    plain.hash = 0;
    const std::uint64_t seed = XXH3_64bits(&plain, sizeof(plain));
    return XXH3_64bits_withSeed(packet + sizeof(PacketHeader),
                                (header.content_size / 8) - sizeof(PacketHeader), seed);
}

std::string header_fault(const PacketHeader& header, const Uuid& uuid, std::uint64_t room) {
    if (header.magic != ctf_magic) {
        return "no packet begins here";
    }
    if (header.uuid != uuid) {
        return "the packet is of another boot (" + uuid_text(header.uuid) + ")";
    }
    const std::uint64_t content = header.content_size / 8;
    const std::uint64_t size = header.packet_size / 8;
    if (header.content_size % 64 != 0 || header.packet_size % 64 != 0 ||
        content < sizeof(PacketHeader) || content > size || size > packet_room ||
        size % packet_grain != 0) {
        return fmt::format("the packet has impossible sizes (content {}, packet {} bits)",
                           header.content_size, header.packet_size);
    }
    if (size > room) {
        return fmt::format("the packet is cut off: {} of {} bytes are there", room, size);
    }
    if (header.stream_id != 0 || header.kind > PacketKind::keyframe_end ||
        header.timestamp_end < header.timestamp_begin) {
        return "the packet's header is damaged";
    }
    return {};
}

std::optional<Uuid> parse_uuid(std::string_view text) {
    Uuid uuid{};
    std::size_t digits = 0;
    for (std::size_t at = 0; at < text.size(); at++) {
        const char c = text[at];
        const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
        if (dash != (c == '-')) {
            return std::nullopt;
        }
        if (dash) {
            continue;
        }
        std::uint8_t value = 0;
        const auto [end, error] = std::from_chars(&c, &c + 1, value, 16);
        if (error != std::errc{} || digits == 32) {
            return std::nullopt;
        }
        uuid[digits / 2] = static_cast<std::uint8_t>((uuid[digits / 2] << 4) | value);
        digits++;
    }
    return digits == 32 ? std::optional(uuid) : std::nullopt;
}

std::string uuid_text(const Uuid& uuid) {
    std::string text;
    for (std::size_t at = 0; at < uuid.size(); at++) {
        text += at == 4 || at == 6 || at == 8 || at == 10 ? "-" : "";
        fmt::format_to(std::back_inserter(text), "{:02x}", uuid[at]);
    }
    return text;
}

std::string chunk_name(std::uint32_t number) {
    return fmt::format("{}{:08}", chunk_prefix, number);
}

std::uint32_t chunk_number(std::string_view name) {
    if (!name.starts_with(chunk_prefix)) {
        return 0;
    }
    name.remove_prefix(chunk_prefix.size());
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    return error == std::errc{} && end == name.data() + name.size() && name.size() >= 8 ? number
                                                                                        : 0;
}

}  // namespace nstrail
