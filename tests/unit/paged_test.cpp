// SPDX-License-Identifier: Apache-2.0
#include "model/paged.hpp"

#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace nstrail {
namespace {

// Small pages, so that all three levels have several.
using Table = PagedTable<std::uint32_t, 2, 2, 2>;

void expect(const Table& table, const std::vector<std::uint32_t>& expected) {
    for (std::uint32_t i = 0; i < expected.size(); i++) {
        ASSERT_EQ(table[i], expected[i]) << i;
    }
}

TEST(PagedTable, copiesAreEachOnesOwnHoweverTheyAreMadeAndWrittenTo) {
    struct Both {
        Table table;
        std::vector<std::uint32_t> expected = std::vector<std::uint32_t>(Table::capacity);
    };
    std::vector<Both> all(4);
    std::mt19937 random(1);
    for (std::uint32_t turn = 1; turn < 20'000; turn++) {
        Both& one = all[random() % all.size()];
        Both& other = all[random() % all.size()];
        switch (random() % 16) {
            case 0:
                one = other;
                break;
            case 1:
                std::swap(one, other);
                break;
            case 2:
                one = Both(other);
                break;
            default: {
                const auto at = static_cast<std::uint32_t>(random() % Table::capacity);
                one.table.at(at) = one.expected[at] = turn;
                break;
            }
        }
        ASSERT_NO_FATAL_FAILURE(expect(one.table, one.expected));
        ASSERT_NO_FATAL_FAILURE(expect(other.table, other.expected));
    }
}

TEST(PagedTable, aReferenceStaysGoodWhileTheTableIsNotCopied) {
    Table table;
    std::uint32_t& first = table.at(0);
    for (std::uint32_t i = 1; i < Table::capacity; i++) {
        table.at(i) = i;
    }
    first = 7;
    EXPECT_EQ(table[0], 7U);
    const Table before(table);
    table.at(0) = 8;
    EXPECT_EQ(before[0], 7U);
    EXPECT_EQ(table[0], 8U);
}

}  // namespace
}  // namespace nstrail
