// SPDX-License-Identifier: Apache-2.0
// Where things are, by the keys that events join on: the hash index of the model and of the ledger,
// which look up a few keys with every event.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace nstrail {

/// Keys to small values, of which the value-initialised one (slot 0, null) means that there is
/// none. Open addressing in steps of one, half full at most: keys come scrambled, so that one
/// multiplication spreads them, and most are found where they are first looked for. Many small
/// tables instead of one: when one doubles, that does not hold up much. The uppermost bits of the
/// product choose the table, those from the middle on the place in it. One thread.
template <class Key, class Value, unsigned shard_bits>
class KeyIndex {
public:
    /// Value{} if there is none.
    [[nodiscard]] Value find(Key key) const {
        const std::uint64_t hash = hash_of(key);
        const Shard& shard = shard_of(hash);
        return shard.entries[shard.find(hash, key)].value;
    }
    /// The value of that key, Value{} if there is none: then another must be put there at once.
    /// Good until the next call.
    [[nodiscard]] Value& meet(Key key) {
        const std::uint64_t hash = hash_of(key);
        Shard& shard = shard_of(hash);
        std::size_t at = shard.find(hash, key);
        if (shard.entries[at].value == Value{}) {
            if (shard.used == shard.most) {
                shard.grow();
                at = shard.find(hash, key);
            }
            shard.used++;
            shard.entries[at].key = key;
        }
        return shard.entries[at].value;
    }
    /// Returns what was there.
    Value erase(Key key) {
        return erase_if(key, [](const Value&) { return true; });
    }
    /// Where f(its value): returns what was there, Value{} if it stays.
    template <class F>
    Value erase_if(Key key, F&& f) {
        const std::uint64_t hash = hash_of(key);
        Shard& shard = shard_of(hash);
        const std::size_t at = shard.find(hash, key);
        const Value gone = shard.entries[at].value;
        if (gone == Value{} || !f(gone)) {
            return {};
        }
        shard.used--;
        shard.close(at);
        return gone;
    }
    /// Keeps the memory, if that is not much.
    void clear() {
        for (Shard& shard : shards_) {
            shard.clear();
        }
    }

private:
    struct Entry {
        Key key{};
        Value value{};
    };
    // What a table without entries has. Nobody writes to it.
    static constexpr std::size_t least = 2;
    static constexpr std::size_t kept = 256;
    static inline std::array<Entry, least> empty{};

    struct Shard {
        /// The place of that key, or the empty one where it belongs.
        [[nodiscard]] std::size_t find(std::uint64_t hash, Key key) const {
            std::size_t at = home(hash);
            while (entries[at].key != key && entries[at].value != Value{}) {
                at = (at + 1) & mask;
            }
            return at;
        }
        [[nodiscard]] std::size_t home(std::uint64_t hash) const { return hash >> 32 & mask; }
        void grow() {
            const std::unique_ptr<Entry[]> before = std::move(owned);
            const std::size_t count = before == nullptr ? 0 : mask + 1;
            most = before == nullptr ? 16 : count;
            owned = std::make_unique<Entry[]>(2 * most);
            entries = owned.get();
            mask = (2 * most) - 1;
            for (std::size_t from = 0; from < count; from++) {
                if (before[from].value != Value{}) {
                    entries[find(hash_of(before[from].key), before[from].key)] = before[from];
                }
            }
        }
        void clear() {
            if (mask >= kept) {
                *this = {};
            } else if (used != 0) {
                std::fill_n(entries, mask + 1, Entry{});
                used = 0;
            }
        }
        /// Empties a place, and moves up those behind it that are looked for from there on.
        void close(std::size_t free) {
            for (std::size_t at = (free + 1) & mask; entries[at].value != Value{};
                 at = (at + 1) & mask) {
                const std::size_t wanted = home(hash_of(entries[at].key));
                if (((at - wanted) & mask) >= ((at - free) & mask)) {
                    entries[free] = entries[at];
                    free = at;
                }
            }
            entries[free] = {};
        }

        std::unique_ptr<Entry[]> owned;
        Entry* entries = empty.data();
        std::size_t mask = least - 1;
        std::size_t used = 0;
        std::size_t most = 0;
    };

    [[nodiscard]] static std::uint64_t hash_of(Key key) {
        return std::uint64_t{key} * 0x9E3779B97F4A7C15ULL;  // 2^64 / golden ratio
    }
    [[nodiscard]] Shard& shard_of(std::uint64_t hash) { return shards_[hash >> (64 - shard_bits)]; }
    [[nodiscard]] const Shard& shard_of(std::uint64_t hash) const {
        return shards_[hash >> (64 - shard_bits)];
    }

    std::array<Shard, std::size_t{1} << shard_bits> shards_;
};

}  // namespace nstrail
