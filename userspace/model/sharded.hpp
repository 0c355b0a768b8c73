// SPDX-License-Identifier: Apache-2.0
// Hash maps of the model's writer, with a bound on what one insertion costs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

namespace nstrail {

/// Many small maps instead of one: a hash map doubles from time to time, and one with a million
/// entries in it would hold up everything meanwhile. One thread. Pointers to values are good until
/// the next insertion.
template <class Key, class Value, unsigned shard_bits = 8>
class ShardedMap {
public:
    static constexpr std::size_t shard_count = std::size_t{1} << shard_bits;

    /// Null if there is none.
    [[nodiscard]] const Value* find(const Key& key) const {
        if (empty()) {
            return nullptr;
        }
        const Shard& shard = shards_[shard_of(key)];
        const auto at = shard.age == age_ ? shard.map.find(key) : shard.map.end();
        return at == shard.map.end() ? nullptr : &at->second;
    }
    [[nodiscard]] Value* find(const Key& key) {
        return const_cast<Value*>(std::as_const(*this).find(key));
    }
    [[nodiscard]] bool contains(const Key& key) const { return find(key) != nullptr; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    /// Value-initialised if there was none.
    [[nodiscard]] Value& operator[](const Key& key) {
        const auto [at, added] = fresh(shard_of(key)).map.try_emplace(key);
        size_ += added ? 1 : 0;
        used_ = true;
        return at->second;
    }
    void erase(const Key& key) {
        if (!empty()) {
            size_ -= fresh(shard_of(key)).map.erase(key);
        }
    }
    /// At once; tidy() gives the memory back.
    void clear() {
        if (std::exchange(used_, false)) {
            age_++;
            size_ = 0;
            tidied_ = 0;
        }
    }
    /// Does a part of what clear() left to do; after as many calls as there are shards, all of it.
    void tidy() {
        if (tidied_ < shards_.size()) {
            (void)fresh(tidied_++);
        }
    }

private:
    struct Shard {
        boost::unordered_flat_map<Key, Value> map;
        std::uint64_t age = 0;  // of the map; older than age_: it has been cleared
    };

    [[nodiscard]] static std::size_t shard_of(const Key& key) {
        // Not the bits that the map itself goes by.
        return (std::hash<Key>()(key) * 0x9E3779B97F4A7C15ULL) >> (64 - shard_bits);
    }
    [[nodiscard]] Shard& fresh(std::size_t index) {
        Shard& shard = shards_[index];
        if (shard.age != age_) {
            if (shard.map.bucket_count() != 0) {
                shard.map = {};
            }
            shard.age = age_;
        }
        return shard;
    }

    std::array<Shard, shard_count> shards_;
    std::uint64_t age_ = 0;
    std::size_t size_ = 0;  // many are empty most of the time, and asked all the same
    bool used_ = false;     // since it was cleared: else there is nothing to clear
    std::size_t tidied_ = shard_count;
};

}  // namespace nstrail
