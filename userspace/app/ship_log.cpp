// SPDX-License-Identifier: Apache-2.0
#include "app/ship_log.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace nstrail {

void ShipLog::look(const ShipFigures& figures) {
    if (figures.fault == fault_) {
        return;
    }
    if (figures.fault.empty()) {
        fmt::print(stderr, "nstrail: shipping again\n");
    } else {
        fmt::print(stderr, "nstrail: not shipping: {}; trying again\n", figures.fault);
    }
    fault_ = figures.fault;
}

void ShipLog::closed(const ShipFigures& figures) {
    look(figures);
    fmt::print(stderr,
               "nstrail: {} packets shipped ({} bytes in {} messages); {} were gone before; about "
               "{} bytes on the disk wait\n",
               figures.packets, figures.bytes, figures.messages, figures.lost,
               figures.waiting_bytes);
}

}  // namespace nstrail
