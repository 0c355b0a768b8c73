// SPDX-License-Identifier: Apache-2.0
// Compresses a full chunk, a packet at a time: each becomes one frame of zstd, so that `zstd -d`
// gives back the file byte for byte, and any packet can be read alone.
#pragma once

#include <memory>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "record/chunk.hpp"
#include "record/frame.hpp"

namespace nstrail {

class PackedChunk {
public:
    /// Of the chunk in that folder. The file it makes is seen once it is whole.
    [[nodiscard]] static Result<std::unique_ptr<PackedChunk>> begin(const std::string& folder,
                                                                    const Uuid& uuid);
    PackedChunk(const PackedChunk&) = delete;
    PackedChunk& operator=(const PackedChunk&) = delete;
    /// What is not whole is removed.
    ~PackedChunk();

    /// Compresses the next packet. False = that was all, and the plain file is gone.
    [[nodiscard]] Result<bool> step();

private:
    PackedChunk(ChunkReader reader, Fd to, std::string folder);
    [[nodiscard]] Result<void> finish();

    ChunkReader reader_;
    Fd to_;
    std::string folder_;
    FramePacker packer_;
    bool damaged_ = false;
    bool done_ = false;
};

}  // namespace nstrail
