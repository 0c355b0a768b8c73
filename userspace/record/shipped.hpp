// SPDX-License-Identifier: Apache-2.0
// What recordings a stream holds, told by a few messages of each.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "record/shipment.hpp"
#include "record/stream_reader.hpp"

namespace nstrail {

struct ShippedBoot {
    ShipName name;
    std::uint64_t begin_ns = 0;        ///< boottime of the first event that the stream holds
    std::uint64_t end_ns = 0;          ///< of the last one; 0 = there is none yet
    std::uint64_t wall_offset_ns = 0;  ///< CLOCK_REALTIME minus CLOCK_BOOTTIME
    std::int64_t seen_ns = 0;          ///< when the last message was stored, by the server's clock
    std::uint64_t lost = 0;            ///< events lost since boot, as the recorder knew
};

/// Of the hosts and boots that its address asks for, in order.
[[nodiscard]] Result<std::vector<ShipName>> shipped_names(StreamReader& reader);

/// Those of the hosts and boots that `url` asks for, in the order of their names.
[[nodiscard]] Result<std::vector<ShippedBoot>> list_shipped(const StreamUrl& url);

}  // namespace nstrail
