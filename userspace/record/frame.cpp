// SPDX-License-Identifier: Apache-2.0
#include "record/frame.hpp"

#include <cstring>

#include <zstd.h>

namespace nstrail {

namespace {

constexpr int level = 1;

}  // namespace

void FramePacker::Pack::operator()(ZSTD_CCtx_s* context) const {
    ZSTD_freeCCtx(context);
}

FramePacker::FramePacker() : context_(ZSTD_createCCtx()), packet_(packet_room) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
}

Result<std::span<const std::byte>> FramePacker::compress(std::span<const std::byte> bytes) {
    frame_.resize(std::max(frame_.size(), ZSTD_compressBound(bytes.size())));
    const std::size_t size =
        ZSTD_compress2(context_.get(), frame_.data(), frame_.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(size) != 0) {
        return fail("compress", ZSTD_getErrorName(size));
    }
    return std::span<const std::byte>(frame_).first(size);
}

Result<std::span<const std::byte>> FramePacker::pack(const Packet& packet) {
    // With its padding, which is none of what a reader gives.
    std::memcpy(packet_.data(), packet.bytes.data(), packet.bytes.size());
    const std::size_t whole = packet.header.packet_size / 8;
    std::memset(packet_.data() + packet.bytes.size(), 0, whole - packet.bytes.size());
    return compress(std::span<const std::byte>(packet_).first(whole));
}

Result<std::span<const std::byte>> FramePacker::pack(std::string_view text) {
    return compress(std::as_bytes(std::span(text)));
}

Result<std::string> unpack_text(std::span<const std::byte> frame, std::size_t most) {
    std::string text(most, '\0');
    const std::size_t size = ZSTD_decompress(text.data(), text.size(), frame.data(), frame.size());
    if (ZSTD_isError(size) != 0) {
        return fail("unpack", ZSTD_getErrorName(size));
    }
    text.resize(size);
    return text;
}

}  // namespace nstrail
