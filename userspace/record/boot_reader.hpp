// SPDX-License-Identifier: Apache-2.0
// Where the chunks of one boot are read from: folders on a disk, or a stream of NATS JetStream.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "record/chunk.hpp"
#include "record/shelf.hpp"

namespace nstrail {

class BootReader {
public:
    BootReader() = default;
    BootReader(const BootReader&) = delete;
    BootReader& operator=(const BootReader&) = delete;
    virtual ~BootReader() = default;

    [[nodiscard]] virtual Result<std::string> metadata(const ShelvedChunk& chunk) = 0;
    [[nodiscard]] virtual Result<ChunkReader> open(const ShelvedChunk& chunk, const Uuid& uuid) = 0;
    /// Whether what open() failed for will fail for all other chunks too.
    [[nodiscard]] virtual bool broken() const { return false; }
};

class DiskBoot final : public BootReader {
public:
    static constexpr std::size_t most_metadata = std::size_t{1} << 20;

    [[nodiscard]] Result<std::string> metadata(const ShelvedChunk& chunk) override {
        return read_text(chunk.path + '/' + std::string(metadata_name), most_metadata);
    }
    [[nodiscard]] Result<ChunkReader> open(const ShelvedChunk& chunk, const Uuid& uuid) override {
        return ChunkReader::open(chunk, uuid);
    }
};

}  // namespace nstrail
