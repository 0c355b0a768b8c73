// SPDX-License-Identifier: Apache-2.0
// Texts that many share, such as paths of executables, each kept once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "model/key_index.hpp"
#include "model/paged.hpp"

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
        std::uint32_t& known = index_.meet(hash(text));
        if (known != 0 && table_[known].text == text) {
            return share(known);
        }
        const auto made = table_.allocate();
        made.record.text = text;
        made.record.references = 1;
        known = known == 0 ? made.index : known;
        return made.index;
    }
    /// One more holder of it.
    [[nodiscard]] std::uint32_t share(std::uint32_t index) {
        if (index != 0) {
            table_.at(index).references++;
        }
        return index;
    }
    void release(std::uint32_t index) {
        if (index == 0) {
            return;
        }
        if (NameRecord& name = table_.at(index); --name.references == 0) {
            index_.erase_if(hash(name.text), [&](std::uint32_t known) { return known == index; });
            table_.release(index, name);
        }
    }

private:
    [[nodiscard]] static std::uint64_t hash(std::string_view text) {
        return std::hash<std::string_view>()(text);
    }

    NameTable& table_;
    // By hash; of two texts with one hash the later one is kept each time anew.
    KeyIndex<std::uint64_t, std::uint32_t, 4> index_;
};

}  // namespace nstrail
