// SPDX-License-Identifier: Apache-2.0
// A packet as one frame of zstd, padding included: what such frames unpack to, one after another,
// is the file of a chunk, byte for byte.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "record/chunk.hpp"

struct ZSTD_CCtx_s;

namespace nstrail {

class FramePacker {
public:
    FramePacker();
    /// Valid until the next call.
    [[nodiscard]] Result<std::span<const std::byte>> pack(const Packet& packet);
    [[nodiscard]] Result<std::span<const std::byte>> pack(std::string_view text);

private:
    [[nodiscard]] Result<std::span<const std::byte>> compress(std::span<const std::byte> bytes);

    struct Pack {
        void operator()(ZSTD_CCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_CCtx_s, Pack> context_;
    std::vector<std::byte> frame_;
    std::vector<std::byte> packet_;
};

/// What a frame of text holds, of at most `most` bytes.
[[nodiscard]] Result<std::string> unpack_text(std::span<const std::byte> frame, std::size_t most);

}  // namespace nstrail
