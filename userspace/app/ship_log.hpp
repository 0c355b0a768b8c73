// SPDX-License-Identifier: Apache-2.0
// What the log says of a recording that is being shipped.
#pragma once

#include <string>

#include "sink/ship_figures.hpp"

namespace nstrail {

class ShipLog {
public:
    /// Says when nothing can be shipped, why, and when it can again.
    void look(const ShipFigures& figures);
    /// The last word.
    void closed(const ShipFigures& figures);

private:
    std::string fault_;
};

}  // namespace nstrail
