// SPDX-License-Identifier: Apache-2.0
// The mutator of streams of events.
#include <cstring>
#include <string>

#include "fuzz/fuzz.hpp"
#include "fuzz/mutate.hpp"
#include "fuzz/records.hpp"

using namespace nstrail;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    fuzz::Chance chance(seed);
    // Now and then any bytes, so that what is no event is met as well.
    if (chance() % 16 == 0) {
        return LLVMFuzzerMutate(data, size, most);
    }
    auto records = fuzz::records_in(fuzz::as_bytes(data, size));
    for (std::size_t changes = 1 + chance() % 4; changes != 0; changes--) {
        fuzz::mutate_records(records, chance);
    }
    std::size_t used = 0;
    for (EventBuffer& record : records) {
        const auto bytes = record.bytes();
        if (used + bytes.size() > most) {
            break;
        }
        std::memcpy(data + used, bytes.data(), bytes.size());
        used += bytes.size();
    }
    return used;
}
