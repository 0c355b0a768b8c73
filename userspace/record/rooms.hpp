// SPDX-License-Identifier: Apache-2.0
// Room for packets that are read: lent, and used again when it comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace nstrail {

/// Any thread may let go of a room. What is in a new one is not said: most of one is often never
/// used, and then never there.
class Rooms {
public:
    using Room = std::shared_ptr<std::uint64_t[]>;

    explicit Rooms(std::size_t bytes)
        : shelf_(std::make_shared<Shelf>()), words_(bytes / sizeof(std::uint64_t)) {}
    [[nodiscard]] Room take() {
        Words room = shelf_->take();
        if (!room) {
            room = std::make_unique_for_overwrite<std::uint64_t[]>(words_);
        }
        // It may come back when this is gone.
        return {room.release(), [shelf = shelf_](std::uint64_t* back) { shelf->put(Words(back)); }};
    }

private:
    using Words = std::unique_ptr<std::uint64_t[]>;
    class Shelf {
    public:
        [[nodiscard]] Words take() {
            const std::lock_guard lock(mutex_);
            if (free_.empty()) {
                return nullptr;
            }
            Words room = std::move(free_.back());
            free_.pop_back();
            return room;
        }
        void put(Words room) {
            const std::lock_guard lock(mutex_);
            free_.push_back(std::move(room));
        }

    private:
        std::mutex mutex_;
        std::vector<Words> free_;
    };
    std::shared_ptr<Shelf> shelf_;
    std::size_t words_;
};

}  // namespace nstrail
