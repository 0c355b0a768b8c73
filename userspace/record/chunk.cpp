// SPDX-License-Identifier: Apache-2.0
#include "record/chunk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <fmt/format.h>

namespace nstrail {

namespace {

// Frames of packets that cannot be made smaller are a little larger than these.
constexpr std::size_t most_packed = packet_room + 4096;
constexpr std::size_t window_bytes = 4 * packet_room;
constexpr std::uint32_t zstd_magic = 0xFD2FB528;  // RFC 8878, 3.1.1

}  // namespace

void ChunkReader::Unpack::operator()(ZSTD_DCtx_s* context) const {
    ZSTD_freeDCtx(context);
}

ChunkReader::ChunkReader(Fd file, std::string path, const Uuid& uuid, bool packed)
    : file_(std::move(file)),
      path_(std::move(path)),
      uuid_(uuid),
      packed_(packed),
      windows_(window_bytes),
      window_(windows_.take()),
      unpacked_rooms_(packet_room) {
    if (packed_) {
        unpack_.reset(ZSTD_createDCtx());
        unpacked_ = unpacked_rooms_.take();
    }
}
ChunkReader::ChunkReader(ChunkReader&&) noexcept = default;
ChunkReader& ChunkReader::operator=(ChunkReader&&) noexcept = default;
ChunkReader::~ChunkReader() = default;

Result<ChunkReader> ChunkReader::open(const ShelvedChunk& chunk, const Uuid& uuid) {
    if (chunk.file.empty()) {
        return fail("read " + chunk.path, "it holds no events");
    }
    Fd file(::open(chunk.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) {
        return fail("open " + chunk.file, errno);
    }
    return ChunkReader(std::move(file), chunk.file, uuid, chunk.packed);
}

/// What the file holds from at_ on: `wanted` bytes, less only where it ends.
std::span<const std::byte> ChunkReader::ahead(std::size_t wanted) {
    const bool inside = at_ >= window_at_ && at_ + wanted <= window_at_ + filled_;
    if (!inside) {
        const Rooms::Room before = window_;
        if (std::exchange(window_lent_, false)) {
            window_ = windows_.take();
        }
        auto* bytes = reinterpret_cast<std::byte*>(window_.get());
        // What is there already is kept, so that no byte is read twice.
        std::size_t kept = 0;
        if (at_ >= window_at_ && at_ < window_at_ + filled_) {
            kept = window_at_ + filled_ - at_;
            std::memmove(
                bytes, reinterpret_cast<const std::byte*>(before.get()) + (at_ - window_at_), kept);
        }
        window_at_ = at_;
        filled_ = kept;
        // Headers alone are far apart.
        const std::size_t most = wanted <= sizeof(PacketHeader) ? wanted : window_bytes;
        while (filled_ < most) {
            const ssize_t got = pread(file_.get(), bytes + filled_, most - filled_,
                                      static_cast<off_t>(window_at_ + filled_));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got <= 0) {
                read_error_ = got < 0 ? errno : 0;
                break;
            }
            filled_ += static_cast<std::size_t>(got);
        }
    }
    const std::size_t offset = at_ - window_at_;
    const auto* bytes = reinterpret_cast<const std::byte*>(window_.get());
    return {bytes + offset, std::min(wanted, filled_ - offset)};
}

std::optional<Packet> ChunkReader::take(std::span<const std::byte> bytes, bool contents,
                                        std::string& why) const {
    if (bytes.size() < sizeof(PacketHeader)) {
        why = "what is left is less than a packet";
        return std::nullopt;
    }
    Packet packet;
    std::memcpy(&packet.header, bytes.data(), sizeof(PacketHeader));
    why = header_fault(packet.header, uuid_, contents ? bytes.size() : packet_room);
    if (!why.empty()) {
        return std::nullopt;
    }
    packet.offset = at_;
    packet.end = at_ + (packet.header.packet_size / 8);
    if (contents) {
        packet.bytes = bytes.first(packet.header.content_size / 8);
        if (packet_hash(packet.header, bytes.data()) != packet.header.hash) {
            why = "the packet's bytes are not those that were written";
            return std::nullopt;
        }
    }
    return packet;
}

std::optional<Packet> ChunkReader::plain(bool contents, std::string& why) {
    auto bytes = ahead(sizeof(PacketHeader));
    if (contents && bytes.size() == sizeof(PacketHeader)) {
        PacketHeader header;
        std::memcpy(&header, bytes.data(), sizeof(header));
        bytes = ahead(
            std::clamp<std::uint64_t>(header.packet_size / 8, sizeof(PacketHeader), packet_room));
    }
    return take(bytes, contents, why);
}

std::optional<Packet> ChunkReader::unpacked(std::string& why) {
    const auto bytes = ahead(most_packed);
    const std::size_t frame = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
    if (ZSTD_isError(frame) != 0) {
        why = fmt::format("no frame of zstd that is whole ({})", ZSTD_getErrorName(frame));
        return std::nullopt;
    }
    if (std::exchange(unpacked_lent_, false)) {
        unpacked_ = unpacked_rooms_.take();
    }
    const std::size_t size =
        ZSTD_decompressDCtx(unpack_.get(), unpacked_.get(), packet_room, bytes.data(), frame);
    if (ZSTD_isError(size) != 0) {
        why = fmt::format("the frame cannot be unpacked ({})", ZSTD_getErrorName(size));
        return std::nullopt;
    }
    auto packet = take({reinterpret_cast<const std::byte*>(unpacked_.get()), size}, true, why);
    if (packet) {
        packet->end = at_ + frame;
    }
    return packet;
}

bool ChunkReader::may_begin_here() {
    const auto bytes = ahead(sizeof(PacketHeader));
    std::uint32_t magic = 0;
    if (bytes.size() < sizeof(PacketHeader)) {
        return false;
    }
    std::memcpy(&magic, bytes.data(), sizeof(magic));
    return magic == (packed_ ? zstd_magic : ctf_magic);
}

/// To the next place where a packet may begin, or to the end.
void ChunkReader::skip_damage(std::string why, const TellDamage& tell) {
    const std::uint64_t start = at_;
    if (packed_) {
        const auto magic = std::as_bytes(std::span(&zstd_magic, 1));
        at_++;
        while (true) {
            const auto bytes = ahead(packet_room);
            const auto found = std::ranges::search(bytes, magic);
            if (!found.empty()) {
                at_ += static_cast<std::uint64_t>(found.begin() - bytes.begin());
                break;
            }
            if (bytes.size() < packet_room) {
                at_ += bytes.size();
                break;
            }
            at_ += bytes.size() - magic.size() + 1;  // one may lie across the end
        }
    } else {
        at_ = (at_ / packet_grain + 1) * packet_grain;
        while (!ahead(packet_grain).empty() && !may_begin_here()) {
            at_ += packet_grain;
        }
        struct stat status{};
        if (fstat(file_.get(), &status) == 0) {
            at_ = std::min(at_, std::max(start, static_cast<std::uint64_t>(status.st_size)));
        }
    }
    if (read_error_ != 0) {
        why = fail("", read_error_).error().why;
    }
    tell({.file = path_, .offset = start, .bytes = at_ - start, .why = std::move(why)});
}

std::optional<Packet> ChunkReader::next(const TellDamage& tell, bool contents) {
    while (true) {
        if (ahead(sizeof(PacketHeader)).empty()) {
            if (read_error_ != 0) {
                tell({.file = path_,
                      .offset = at_,
                      .bytes = 0,
                      .why = fail("", std::exchange(read_error_, 0)).error().why});
            }
            return std::nullopt;
        }
        std::string why;
        auto packet = packed_ ? unpacked(why) : plain(contents, why);
        if (packet) {
            at_ = packet->end;
            return packet;
        }
        const std::uint64_t before = at_;
        skip_damage(std::move(why), tell);
        if (at_ == before) {
            return std::nullopt;  // the file ends inside what is damaged
        }
    }
}

}  // namespace nstrail
