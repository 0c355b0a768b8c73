// SPDX-License-Identifier: Apache-2.0
// Reads the packets of one chunk. Trusts nothing: each size is checked against what contains it,
// each packet against its hash; what is damaged is told and reading goes on at the next packet.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "record/format.hpp"
#include "record/rooms.hpp"
#include "record/shelf.hpp"

struct ZSTD_DCtx_s;

namespace nstrail {

/// Bytes of a recording that no packet could be made of.
struct Damage {
    std::string file;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::string why;
};
using TellDamage = std::function<void(Damage)>;

/// Whole and checked. The bytes are valid until the next is read.
struct Packet {
    PacketHeader header;
    std::span<const std::byte> bytes;  ///< header included, up to content_size; aligned to 8
    std::uint64_t offset = 0;          ///< in the file
    std::uint64_t end = 0;             ///< where the next one begins
};

class ChunkReader {
public:
    [[nodiscard]] static Result<ChunkReader> open(const ShelvedChunk& chunk, const Uuid& uuid);
    /// Of a file that is open; `path` is what it is called where damage is told.
    ChunkReader(Fd file, std::string path, const Uuid& uuid, bool packed);
    ChunkReader(const ChunkReader&) = delete;
    ChunkReader& operator=(const ChunkReader&) = delete;
    ChunkReader(ChunkReader&&) noexcept;
    ChunkReader& operator=(ChunkReader&&) noexcept;
    ~ChunkReader();

    /// The next packet; nothing at the end. With `contents` false only the header is read and
    /// checked, and `bytes` is empty (of packed chunks all is read).
    [[nodiscard]] std::optional<Packet> next(const TellDamage& tell, bool contents = true);
    void seek(std::uint64_t offset) { at_ = offset; }
    /// The room that the bytes of the last packet are in: they are valid as long as it is held.
    [[nodiscard]] Rooms::Room lend() {
        (packed_ ? unpacked_lent_ : window_lent_) = true;
        return packed_ ? unpacked_ : window_;
    }
    /// The same of a file that is being written: forgets what was read of it.
    void reread(std::uint64_t offset) {
        at_ = offset;
        filled_ = 0;
    }

private:
    [[nodiscard]] std::span<const std::byte> ahead(std::size_t wanted);
    [[nodiscard]] std::optional<Packet> plain(bool contents, std::string& why);
    [[nodiscard]] std::optional<Packet> unpacked(std::string& why);
    [[nodiscard]] std::optional<Packet> take(std::span<const std::byte> bytes, bool contents,
                                             std::string& why) const;
    void skip_damage(std::string why, const TellDamage& tell);
    [[nodiscard]] bool may_begin_here();

    struct Unpack {
        void operator()(ZSTD_DCtx_s* context) const;
    };
    Fd file_;
    std::string path_;
    Uuid uuid_;
    bool packed_;
    std::uint64_t at_ = 0;
    // What has been read of the file: `filled_` bytes from `window_at_` on.
    Rooms windows_;
    Rooms::Room window_;
    bool window_lent_ = false;
    std::uint64_t window_at_ = 0;
    std::size_t filled_ = 0;
    int read_error_ = 0;
    std::unique_ptr<ZSTD_DCtx_s, Unpack> unpack_;
    Rooms unpacked_rooms_;
    Rooms::Room unpacked_;
    bool unpacked_lent_ = false;
};

}  // namespace nstrail
