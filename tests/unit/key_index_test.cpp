// SPDX-License-Identifier: Apache-2.0
#include "model/key_index.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace nstrail {
namespace {

/// Few shards, so that each is looked for in long rows, and doubles more than once.
template <class Key>
void like_a_map(std::uint64_t keys, std::uint64_t step) {
    KeyIndex<Key, std::uint32_t, 1> index;
    std::map<Key, std::uint32_t> expected;
    std::mt19937_64 random(1);
    for (int turn = 0; turn < 40'000; turn++) {
        const auto key = static_cast<Key>(random() % keys * step);
        switch (random() % 3) {
            case 0: {
                const auto value = static_cast<std::uint32_t>(turn + 1);
                ASSERT_EQ(index.meet(key), expected[key]);
                index.meet(key) = expected[key] = value;
                break;
            }
            case 1: {
                const auto at = expected.find(key);
                ASSERT_EQ(index.erase(key), at == expected.end() ? 0 : at->second);
                expected.erase(key);
                break;
            }
            default: {
                const auto at = expected.find(key);
                ASSERT_EQ(index.find(key), at == expected.end() ? 0 : at->second);
                break;
            }
        }
    }
    for (const auto& [key, value] : expected) {
        ASSERT_EQ(index.find(key), value);
    }
    index.clear();
    for (const auto& [key, value] : expected) {
        ASSERT_EQ(index.find(key), 0U);
        ASSERT_EQ(index.erase(key), 0U);
    }
}

TEST(KeyIndex, isAMapOfRowsOfNumbersZeroToo) {
    like_a_map<std::uint64_t>(3000, 1);
    like_a_map<std::uint32_t>(3000, 1);
}

TEST(KeyIndex, isAMapOfKeysThatDifferAboveOnly) {
    like_a_map<std::uint64_t>(500, std::uint64_t{1} << 48);
}

TEST(KeyIndex, isAMapOfScrambledKeys) {
    like_a_map<std::uint64_t>(500, 0xD6E8FEB86659FD93ULL);
}

}  // namespace
}  // namespace nstrail
