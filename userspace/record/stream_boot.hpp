// SPDX-License-Identifier: Apache-2.0
// The chunks of one boot as they were shipped to a stream (shipment.hpp). The heads of the chunks
// are all that is read ahead; of the packets there is one chunk at a time, in a temporary file that
// has no name and goes with it, ordered by their numbers and without doubles.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/fd.hpp"
#include "record/boot_reader.hpp"
#include "record/shipment.hpp"
#include "record/stream_reader.hpp"

namespace nstrail {

class StreamBoot final : public BootReader {
public:
    /// The one boot that the stream holds of what `url` asks for; several are refused with their
    /// names.
    [[nodiscard]] static Result<std::unique_ptr<StreamBoot>> open(const StreamUrl& url);
    /// The chunks that were there when it was opened.
    [[nodiscard]] const ShelvedBoot& shelved() const { return shelved_; }

    [[nodiscard]] Result<std::string> metadata(const ShelvedChunk& chunk) override;
    [[nodiscard]] Result<ChunkReader> open(const ShelvedChunk& chunk, const Uuid& uuid) override;
    [[nodiscard]] bool broken() const override { return broken_; }

private:
    struct Head {
        std::uint64_t sequence = 0;
        std::uint64_t begin_ns = 0;
        std::shared_ptr<const std::string> metadata;
    };
    StreamBoot(StreamReader reader, ShipName name)
        : reader_(std::move(reader)), name_(std::move(name)) {}
    [[nodiscard]] Result<void> read_heads();
    [[nodiscard]] Result<std::optional<StreamMessage>> next(const std::string& subject,
                                                            std::uint64_t from, std::uint64_t end,
                                                            const StreamReader::Judge& judge);
    [[nodiscard]] Result<Fd> fetch(std::uint32_t chunk);

    StreamReader reader_;
    ShipName name_;
    ShelvedBoot shelved_;
    std::map<std::uint32_t, Head> heads_;  // the first of each chunk
    std::uint64_t end_ = 0;                // places in the stream from there on are not looked at
    std::pair<std::uint32_t, Fd> fetched_;
    bool broken_ = false;
};

}  // namespace nstrail
