// SPDX-License-Identifier: Apache-2.0
// Texts that many share, such as paths of executables, each kept once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/paged.hpp"
#include "model/sharded.hpp"

namespace nstrail {

struct NameRecord {
    std::string text;
    std::uint32_t references = 0;
    std::uint32_t next_free = 0;
};

using NameTable = Slab<NameRecord, 5>;

/// The writer's side of a NameTable. Index 0 is the empty text.
class Names {
public:
    explicit Names(NameTable& table) : table_(table) {}

    /// The index of that text, to be given back by release().
    [[nodiscard]] std::uint32_t acquire(std::string_view text) {
        if (text.empty()) {
            return 0;
        }
        std::uint32_t& index = index_[std::string(text)];
        if (index == 0) {
            index = table_.allocate();
            table_.at(index).text = text;
        }
        table_.at(index).references++;
        return index;
    }
    /// One more holder of it.
    [[nodiscard]] std::uint32_t share(std::uint32_t index) {
        if (index != 0) {
            table_.at(index).references++;
        }
        return index;
    }
    void release(std::uint32_t index) {
        if (index != 0 && --table_.at(index).references == 0) {
            index_.erase(table_[index].text);
            table_.release(index);
        }
    }

private:
    NameTable& table_;
    ShardedMap<std::string, std::uint32_t, 4> index_;
};

}  // namespace nstrail
