// SPDX-License-Identifier: Apache-2.0
// Room for packets that are read: lent, and used again when it comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace nstrail {

/// Any thread may let go of a room.
class Rooms {
public:
    using Words = std::vector<std::uint64_t>;
    using Room = std::shared_ptr<Words>;

    explicit Rooms(std::size_t words) : shelf_(std::make_shared<Shelf>()), words_(words) {}
    [[nodiscard]] Room take() {
        std::unique_ptr<Words> room = shelf_->take();
        if (!room) {
            room = std::make_unique<Words>(words_);
        }
        // It may come back when this is gone.
        return {room.release(), [shelf = shelf_](Words* back) { shelf->put(back); }};
    }

private:
    class Shelf {
    public:
        [[nodiscard]] std::unique_ptr<Words> take() {
            const std::lock_guard lock(mutex_);
            if (free_.empty()) {
                return nullptr;
            }
            auto room = std::move(free_.back());
            free_.pop_back();
            return room;
        }
        void put(Words* room) {
            const std::lock_guard lock(mutex_);
            free_.emplace_back(room);
        }

    private:
        std::mutex mutex_;
        std::vector<std::unique_ptr<Words>> free_;
    };
    std::shared_ptr<Shelf> shelf_;
    std::size_t words_;
};

}  // namespace nstrail
