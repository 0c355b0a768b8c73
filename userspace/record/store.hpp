// SPDX-License-Identifier: Apache-2.0
// The files of a recording as their writer sees them: chunks that are begun, filled, compressed and
// thrown away, and what another writer left behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "record/format.hpp"
#include "record/shelf.hpp"
#include "wire/wire.h"

namespace nstrail {

struct StoreOptions {
    std::string path;                      ///< DIR
    std::uint64_t max_bytes = 1ULL << 30;  ///< of all that is in DIR
    /// Against the newest event, by boottime, which no clock that is set changes; other boots'
    /// chunks by when their files were written. 0 = whatever fits
    std::chrono::nanoseconds max_age{0};
    bool sync = false;            ///< fdatasync() after each packet
    bool compress = false;        ///< chunks that are full
    bool stop_when_full = false;  ///< no space: end, instead of dropping the oldest
    bool keep_unshipped = false;  ///< max_age drops only what is acknowledged (unshipped.hpp)
};

/// What another writer left in a boot's folder, mended.
struct Recovered {
    std::uint32_t last_chunk = 0;
    std::uint32_t last_session = 0;
    std::uint64_t events_discarded = 0;
    std::uint64_t events_saved = 0;  ///< taken over from its spool
    std::uint64_t bytes_cut = 0;     ///< of a packet that was not whole
};

class PackedChunk;

/// One thread.
class Store {
public:
    /// Makes DIR and the folder of this boot, and mends what is there. `events_saved` and
    /// `bytes_cut` of recovered() tell of it.
    [[nodiscard]] static Result<std::unique_ptr<Store>> open(StoreOptions options,
                                                             const nst_session& session);
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    ~Store();

    [[nodiscard]] const Uuid& uuid() const { return uuid_; }
    /// The lock on `open` that keeps others away, for the Spool; to be taken once.
    [[nodiscard]] Fd take_lock() { return std::move(lock_); }
    [[nodiscard]] const Recovered& recovered() const { return recovered_; }
    [[nodiscard]] std::string open_path() const {
        return boot_path_ + '/' + std::string(open_name);
    }

    /// Ends the chunk that is open and begins this one. It is seen once it holds a packet.
    [[nodiscard]] Result<void> begin_chunk(std::uint32_t number);
    /// The number of the open chunk, 0 = none.
    [[nodiscard]] std::uint32_t chunk() const { return number_; }
    /// Finishes a sealed packet (`packet`: packet_room bytes) and writes it in one go. Where it
    /// cannot, the file is as it was before. Makes room as the options say.
    [[nodiscard]] Result<void> append(std::byte* packet);
    void end_chunk();

    /// Throws away the oldest chunks as far as the options want it.
    void retain();
    /// Compresses a packet of a chunk that is full; false = there is nothing to be compressed.
    [[nodiscard]] bool compress_step();

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::uint64_t chunks_dropped() const { return dropped_; }

private:
    Store(StoreOptions options, const nst_session& session, const Uuid& uuid);
    [[nodiscard]] Result<void> recover();
    [[nodiscard]] Result<void> make_folder(const std::string& path);
    [[nodiscard]] int write_whole(std::span<const std::byte> bytes);
    [[nodiscard]] bool drop_oldest();
    [[nodiscard]] Result<void> shelve();
    void count_bytes();
    [[nodiscard]] std::vector<ShelvedBoot> shelved() const;
    [[nodiscard]] std::optional<std::int64_t> keep_until(const ShelvedBoot& oldest) const;

    StoreOptions options_;
    Uuid uuid_;
    std::int64_t wall_offset_ns_;
    std::string boot_path_;
    std::string metadata_;
    Fd lock_;
    Recovered recovered_;
    std::uint64_t packets_ = 0;
    std::uint64_t newest_ns_ = 0;  // boottime of the latest event written
    std::int64_t keep_until_ = 0;  // no chunk is too old before this boottime

    std::uint32_t number_ = 0;
    std::string hidden_;  // where the open chunk is until it holds a packet
    std::string folder_;
    Fd file_;
    std::uint64_t written_ = 0;  // bytes in it
    std::uint64_t bytes_ = 0;    // in DIR
    std::uint64_t dropped_ = 0;
    std::vector<std::string> full_;  // chunks to be compressed
    std::unique_ptr<PackedChunk> packing_;
};

}  // namespace nstrail
