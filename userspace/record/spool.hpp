// SPDX-License-Identifier: Apache-2.0
// Where packets are filled: memory of /dev/shm, which outlives the recorder whatever kills it, and
// which no slow disk can stall. The file `open` of a recording names it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "record/format.hpp"

namespace nstrail {

class Spool {
public:
    static constexpr std::size_t slots = 32;  // 8 MiB: what may come while a disk stands still

    /// Makes one, named in `open_path`, which `lock` holds from lock_open(). What that named before
    /// is removed.
    [[nodiscard]] static Result<std::unique_ptr<Spool>> create(Fd lock,
                                                               const std::string& open_path);
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;
    ~Spool();

    [[nodiscard]] std::span<std::byte> slot(std::size_t index) {
        return {memory_ + (index * packet_room), packet_room};
    }
    /// Whether `open` is still there.
    [[nodiscard]] bool named() const;
    /// Names it again where somebody removed `open`.
    void announce();
    /// Nothing in it is wanted any more: removes it and `open`.
    void remove();

private:
    Spool(Fd lock, std::string open_path, std::string path, std::byte* memory)
        : lock_(std::move(lock)),
          open_path_(std::move(open_path)),
          path_(std::move(path)),
          memory_(memory) {}
    [[nodiscard]] Result<void> name_it();

    Fd lock_;
    std::string open_path_;
    std::string path_;
    std::byte* memory_;
};

/// A packet that a recorder had not written to its chunk, as it was found.
struct SpooledPacket {
    PacketHeader header;               ///< content_size and timestamps are right, the rest as begun
    std::vector<std::uint64_t> words;  ///< the packet, header included
};

/// What the `open` file of a recording leads to: packets of that boot with events in them, in
/// stream order. Nothing is changed. Empty where there is none, or the memory has gone.
[[nodiscard]] std::vector<SpooledPacket> read_spool(const std::string& open_path, const Uuid& uuid);

/// Whether a recorder is at work there: it holds a lock on `open`.
[[nodiscard]] bool recorder_at_work(const std::string& open_path);

/// Makes `open` if it is not there, and locks it until the descriptor is closed. Fails if another
/// recorder holds it.
[[nodiscard]] Result<Fd> lock_open(const std::string& open_path);

}  // namespace nstrail
