// SPDX-License-Identifier: Apache-2.0
#include "record/pack.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

namespace nstrail {

namespace {

constexpr int level = 1;

std::string hidden_in(const std::string& folder) {
    return folder + "/." + std::string(packed_name);
}

}  // namespace

void PackedChunk::Pack::operator()(ZSTD_CCtx_s* context) const {
    ZSTD_freeCCtx(context);
}

PackedChunk::PackedChunk(ChunkReader reader, Fd to, std::string folder)
    : reader_(std::move(reader)),
      to_(std::move(to)),
      folder_(std::move(folder)),
      context_(ZSTD_createCCtx()),
      frame_(ZSTD_compressBound(packet_room)),
      packet_(packet_room) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
}

PackedChunk::~PackedChunk() {
    if (!done_) {
        unlink(hidden_in(folder_).c_str());
    }
}

Result<std::unique_ptr<PackedChunk>> PackedChunk::begin(const std::string& folder,
                                                        const Uuid& uuid) {
    const ShelvedChunk chunk{
        .number = 0, .path = folder, .file = folder + '/' + std::string(events_name)};
    auto reader = ChunkReader::open(chunk, uuid);
    if (!reader) {
        return std::unexpected(reader.error());
    }
    const std::string path = hidden_in(folder);
    Fd to(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!to) {
        return fail("make " + path, errno);
    }
    return std::unique_ptr<PackedChunk>(new PackedChunk(std::move(*reader), std::move(to), folder));
}

Result<bool> PackedChunk::step() {
    const auto packet = reader_.next([this](const Damage&) { damaged_ = true; });
    if (damaged_) {
        // What is there stays as it is, for whoever can make more of it.
        return fail("compress " + folder_, "it is damaged, and left as it is");
    }
    if (!packet) {
        if (auto finished = finish(); !finished) {
            return std::unexpected(finished.error());
        }
        return false;
    }
    // With its padding, which is none of what the reader gives.
    std::memcpy(packet_.data(), packet->bytes.data(), packet->bytes.size());
    const std::size_t whole = packet->header.packet_size / 8;
    std::memset(packet_.data() + packet->bytes.size(), 0, whole - packet->bytes.size());
    const std::size_t size =
        ZSTD_compress2(context_.get(), frame_.data(), frame_.size(), packet_.data(), whole);
    if (ZSTD_isError(size) != 0) {
        return fail("compress " + folder_, ZSTD_getErrorName(size));
    }
    std::size_t done = 0;
    while (done < size) {
        const ssize_t put = write(to_.get(), frame_.data() + done, size - done);
        if (put < 0 && errno != EINTR) {
            return fail("write " + hidden_in(folder_), errno);
        }
        done += put > 0 ? static_cast<std::size_t>(put) : 0;
    }
    return true;
}

Result<void> PackedChunk::finish() {
    const std::string plain = folder_ + '/' + std::string(events_name);
    const std::string packed = folder_ + '/' + std::string(packed_name);
    struct stat status{};
    // Its age is that of its events.
    if (stat(plain.c_str(), &status) == 0) {
        const timespec times[2] = {status.st_atim, status.st_mtim};
        futimens(to_.get(), times);
    }
    if (fdatasync(to_.get()) != 0 || rename(hidden_in(folder_).c_str(), packed.c_str()) != 0) {
        return fail("write " + packed, errno);
    }
    done_ = true;
    if (unlink(plain.c_str()) != 0) {
        return fail("remove " + plain, errno);
    }
    return {};
}

}  // namespace nstrail
