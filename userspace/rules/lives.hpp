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
    [[nodiscard]] Life* find(Key key) { return look(key); }
    [[nodiscard]] const Life* find(Key key) const { return look(key); }
    /// Value-initialised if there was none.
    [[nodiscard]] Life& operator[](Key key) {
        Life* known = look(key);
        return known != nullptr ? *known : add(key);
    }
    void erase(Key key) {
        erase_if(key, [](const Life&) { return true; });
    }
    /// Where f(its record).
    template <class F>
    void erase_if(Key key, F&& f) {
        Life* gone = index_.erase_if(key, [&](const Life* life) { return f(*life); });
        if (gone != nullptr) {
            free_.push_back(gone);
            latest_ = key == latest_key_ ? nullptr : latest_;
        }
    }
    void clear() {
        index_.clear();
        latest_ = nullptr;
        free_.clear();
        given_ = 0;
    }

private:
    static constexpr std::size_t at_once = 32;

    [[nodiscard]] Life* look(Key key) const {
        if (key != latest_key_) {
            latest_ = index_.find(key);
            latest_key_ = key;
        }
        return latest_;
    }
    /// Apart from what looks for one that is there, as most are.
    [[nodiscard, gnu::noinline]] Life& add(Key key) {
        latest_ = index_.meet(key) = allocate();
        return *latest_;
    }
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
    // What the index says of the key that was asked for last: with one event many rules ask for the
    // same, and then the ledger does.
    mutable Key latest_key_{};
    mutable Life* latest_ = nullptr;
    std::vector<std::unique_ptr<std::array<Life, at_once>>> chunks_;
    std::vector<Life*> free_;
    std::size_t given_ = 0;  // of those in the chunks, the free ones included
};

}  // namespace nstrail
