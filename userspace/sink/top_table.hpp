// SPDX-License-Identifier: Apache-2.0
// The columns of `nstrail top`, as many as there is room for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sink/top_rows.hpp"

namespace nstrail {

struct TopTable {
    enum class Column : std::uint8_t {
        name,
        state,
        tasks,
        zombies,
        age,
        pids,
        use,
        reaper,
        container,
    };
    struct Shown {
        Column column = Column::name;
        std::size_t width = 0;
    };
    std::vector<Shown> columns;
    bool unicode = true;

    /// `name`: how wide the longest name is.
    [[nodiscard]] static TopTable of(std::size_t width, std::size_t name, bool unicode);
    [[nodiscard]] std::string titles() const;
    [[nodiscard]] std::string row(const TopRow& row, const TopPlace& place) const;
};

/// How wide the name of a row is.
[[nodiscard]] std::size_t top_name_width(const TopPlace& place);
/// "214", "≥214", "?"
[[nodiscard]] std::string at_least_text(const AtLeast& number, bool unicode);
/// "0.7%", "≥45%"; "?" where one of the two is not known.
[[nodiscard]] std::string pid_use_text(const TopRow& row, bool unicode);

}  // namespace nstrail
