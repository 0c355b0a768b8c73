// SPDX-License-Identifier: Apache-2.0
// What the ledger keeps, by key.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "model/key_index.hpp"

namespace nstrail {

/// Records by key. They stay where they are: pointers are good until their own is erased. Memory
/// grows with the most that there were at once.
template <class Key, class Life>
class Lives {
public:
    /// Null if there is none.
    [[nodiscard]] Life* find(Key key) { return index_.find(key); }
    [[nodiscard]] const Life* find(Key key) const { return index_.find(key); }
    /// Value-initialised if there was none.
    [[nodiscard]] Life& operator[](Key key) {
        Life*& at = index_.meet(key);
        if (at == nullptr) {
            at = allocate();
        }
        return *at;
    }
    void erase(Key key) {
        if (Life* gone = index_.erase(key); gone != nullptr) {
            free_.push_back(gone);
        }
    }
    void clear() {
        index_.clear();
        free_.clear();
        given_ = 0;
    }

private:
    static constexpr std::size_t at_once = 128;

    [[nodiscard]] Life* allocate() {
        Life* one = nullptr;
        if (!free_.empty()) {
            one = free_.back();
            free_.pop_back();
        } else {
            if (given_ / at_once == chunks_.size()) {
                chunks_.push_back(std::make_unique<std::array<Life, at_once>>());
            }
            one = &(*chunks_[given_ / at_once])[given_ % at_once];
            given_++;
        }
        *one = {};
        return one;
    }

    // Sixteen parts: of a million tasks one doubles in a few milliseconds, and of a few hundred all
    // stay in the processor's cache.
    KeyIndex<Key, Life*, 4> index_;
    std::vector<std::unique_ptr<std::array<Life, at_once>>> chunks_;
    std::vector<Life*> free_;
    std::size_t given_ = 0;  // of those in the chunks, the free ones included
};

}  // namespace nstrail
