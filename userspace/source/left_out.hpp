// SPDX-License-Identifier: Apache-2.0
// What records in the ring leave out, put back (NST_INITIAL_NS in bpf/wire/wire.h).
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "wire/wire.h"

namespace nstrail {

/// One thread.
class LeftOut {
public:
    /// The record as events are decoded from: itself where nothing was left out, and also where it
    /// says so but is none that could, which does not decode. Good as long as the record is and
    /// until the next call. `initial` is the set that the programs leave out; it is there before
    /// the first record that needs it.
    [[nodiscard]] std::span<const std::byte> put_back(std::span<const std::byte> record,
                                                      const nst_ns_set& initial);

private:
    alignas(8) std::array<std::byte, NST_RING_RECORD_MOST + sizeof(nst_ns_set)> whole_;
};

}  // namespace nstrail
