// SPDX-License-Identifier: Apache-2.0
// Reader of the ring that the BPF programs write (struct nst_ring in bpf/wire/wire.h). Nothing
// wakes it: it is looked at.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/result.hpp"
#include "wire/wire.h"

namespace nstrail {

/// One thread may consume; any may ask how full it is.
class Ring {
public:
    /// How many bytes a map's value takes to have `size` bytes of room for records, which is a
    /// power of two.
    [[nodiscard]] static constexpr std::size_t bytes_of_map(std::size_t size) {
        return NST_RING_DATA + size + NST_RING_RECORD_MOST;
    }

    /// Maps the ring in a map with BPF_F_MMAPABLE and one value of bytes_of_map(size) bytes. One
    /// that is new gets its secret, without which its records cannot be read: so do this before a
    /// program writes. One that was mapped before goes on where it was.
    [[nodiscard]] static Result<Ring> map(int map_fd, std::size_t size);

    Ring(Ring&& other) noexcept { swap(other); }
    Ring& operator=(Ring&& other) noexcept {
        swap(other);
        return *this;
    }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring();

    /// Hands records to take(record bytes), which are good while it runs, until one that is still
    /// being written, or the end, or `most` records. Gives their room back in small batches.
    /// Returns how many there were.
    template <class F>
    std::size_t consume(F&& take, std::size_t most = SIZE_MAX) {
        std::size_t count = 0;
        std::uint64_t position = consumed();
        std::uint64_t returned = position;
        // Asked for as seldom as can be: whoever writes has to take that line back each time.
        std::uint64_t end = produced();
        while (count < most && (position < end || position < (end = produced()))) {
            std::byte* const at = data() + (position & mask_);
            const std::uint64_t next = std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at))
                                           .load(std::memory_order_acquire) ^
                                       ring_->secret;
            const std::uint64_t length = next - position;
            if (length <= NST_RING_WORD || length > NST_RING_RECORD_MOST) {
                break;
            }
            take(std::span<const std::byte>(at + NST_RING_WORD, length - NST_RING_WORD));
            count++;
            position = next;
            if (position - returned >= return_after) {
                release(position);
                returned = position;
            }
        }
        release(position);
        return count;
    }

    /// Byte positions since the ring was made; they only grow.
    [[nodiscard]] std::uint64_t produced() const {
        return std::atomic_ref(ring_->produced).load(std::memory_order_acquire);
    }
    [[nodiscard]] std::uint64_t consumed() const { return ring_->consumed; }
    [[nodiscard]] std::uint64_t fill() const { return produced() - consumed(); }
    [[nodiscard]] std::size_t size() const { return mask_ + 1; }

private:
    // Bytes: a store to a line that the programs read, for each record, would cost more.
    static constexpr std::uint64_t return_after = 16384;

    Ring() = default;
    void swap(Ring& other) noexcept {
        std::swap(ring_, other.ring_);
        std::swap(mask_, other.mask_);
    }
    [[nodiscard]] std::byte* data() const {
        return reinterpret_cast<std::byte*>(ring_) + NST_RING_DATA;
    }
    void release(std::uint64_t position) {
        std::atomic_ref(ring_->consumed).store(position, std::memory_order_release);
    }

    nst_ring* ring_ = nullptr;
    std::uint64_t mask_ = 0;
};

}  // namespace nstrail
