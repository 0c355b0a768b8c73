// SPDX-License-Identifier: Apache-2.0
#include "record/pack.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nstrail {

namespace {

std::string hidden_in(const std::string& folder) {
    return folder + "/." + std::string(packed_name);
}

}  // namespace

PackedChunk::PackedChunk(ChunkReader reader, Fd to, std::string folder)
    : reader_(std::move(reader)), to_(std::move(to)), folder_(std::move(folder)) {}

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
    const auto frame = packer_.pack(*packet);
    if (!frame) {
        return fail("compress " + folder_, frame.error().why);
    }
    const std::size_t size = frame->size();
    std::size_t done = 0;
    while (done < size) {
        const ssize_t put = write(to_.get(), frame->data() + done, size - done);
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
