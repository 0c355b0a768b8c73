// SPDX-License-Identifier: Apache-2.0
// Reader of a BPF ring buffer (kernel/bpf/ringbuf.c). Our own and not libbpf's, because exact loss
// accounting needs the producer's position, and because it must never be woken by the ring.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace nstrail {

class Ring {
public:
    /// Maps the ring of a BPF_MAP_TYPE_RINGBUF map. `size` is its max_entries. The map's descriptor
    /// must stay open as long as this lives.
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
        while (count < most && position < produced()) {
            const std::uint32_t word =
                std::atomic_ref(length_at(position)).load(std::memory_order_acquire);
            if ((word & busy) != 0) {
                break;
            }
            const std::uint32_t length = word & ~(busy | discarded);
            const std::uint64_t record = position + header_size;
            position += (length + header_size + 7) / 8 * 8;
            if ((word & discarded) == 0) {
                take(bytes_at(record, length));
                count++;
            }
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
        return std::atomic_ref(*producer_).load(std::memory_order_acquire);
    }
    [[nodiscard]] std::uint64_t consumed() const { return *consumer_; }
    [[nodiscard]] std::uint64_t fill() const { return produced() - consumed(); }
    [[nodiscard]] std::size_t size() const { return mask_ + 1; }

private:
    static constexpr std::uint32_t busy = 1U << 31;       // BPF_RINGBUF_BUSY_BIT
    static constexpr std::uint32_t discarded = 1U << 30;  // BPF_RINGBUF_DISCARD_BIT
    static constexpr std::uint64_t header_size = 8;       // BPF_RINGBUF_HDR_SZ
    static constexpr std::uint64_t return_after =
        16384;  // bytes; a store to a shared line per record would cost more

    Ring() = default;
    void swap(Ring& other) noexcept {
        std::swap(consumer_, other.consumer_);
        std::swap(producer_, other.producer_);
        std::swap(data_, other.data_);
        std::swap(over_end_, other.over_end_);
        std::swap(mask_, other.mask_);
        std::swap(page_, other.page_);
    }
    [[nodiscard]] std::uint32_t& length_at(std::uint64_t position) const {
        return *reinterpret_cast<std::uint32_t*>(data_ + (position & mask_));
    }
    /// In one piece; good until the next call.
    [[nodiscard]] std::span<const std::byte> bytes_at(std::uint64_t position, std::size_t length) {
        const std::size_t offset = position & mask_;
        const std::size_t ahead = size() - offset;
        if (length <= ahead) {
            return {data_ + offset, length};
        }
        over_end_.resize((length + 7) / 8);
        auto* const to = reinterpret_cast<std::byte*>(over_end_.data());
        std::memcpy(to, data_ + offset, ahead);
        std::memcpy(to + ahead, data_, length - ahead);
        return {to, length};
    }
    void release(std::uint64_t position) {
        std::atomic_ref(*consumer_).store(position, std::memory_order_release);
    }

    std::uint64_t* consumer_ = nullptr;  // first page: ours
    std::uint64_t* producer_ = nullptr;  // second page: the kernel's, read only
    // Read only. The kernel would map it twice in a row, so that no record goes over the end; but
    // all of that would count as memory of ours, and one record in a turn is little to copy.
    std::byte* data_ = nullptr;
    std::vector<std::uint64_t> over_end_;  // the record that goes over the end
    std::uint64_t mask_ = 0;
    std::size_t page_ = 0;
};

}  // namespace nstrail
