// SPDX-License-Identifier: Apache-2.0
#include "source/left_out.hpp"

#include <cstddef>
#include <cstring>

namespace nstrail {

namespace {

/// Where an event of that kind has its `ns`, 0 = it has none.
template <class T>
consteval std::size_t place_of_set() {
    if constexpr (requires(T event) { event.ns; }) {
        return offsetof(T, ns);
    } else {
        return 0;
    }
}

constexpr auto places = [] {
    std::array<std::size_t, NST_KIND_end> all{};
#define EVENT(name, number, help) all[number] = place_of_set<nst_##name>();
#include "wire/events.def"
    return all;
}();

}  // namespace

std::span<const std::byte> LeftOut::put_back(std::span<const std::byte> record,
                                             const nst_ns_set& initial) {
    nst_header header;
    if (record.size() < sizeof(header)) {
        return record;
    }
    std::memcpy(&header, record.data(), sizeof(header));
    const std::size_t kind = header.kind & ~NST_INITIAL_NS;
    const std::size_t place = kind < places.size() ? places[kind] : 0;
    if (kind == header.kind || place == 0 || place > record.size() ||
        record.size() > NST_RING_RECORD_MOST) {
        return record;
    }
    header.kind = static_cast<nst_u16>(kind);
    std::byte* const to = whole_.data();
    std::byte* const behind = to + place + sizeof(initial);
    std::memcpy(to, record.data(), place);
    std::memcpy(to, &header, sizeof(header));
    std::memcpy(to + place, &initial, sizeof(initial));
    std::memcpy(behind, record.data() + place, record.size() - place);
    return std::span(whole_).first(record.size() + sizeof(initial));
}

}  // namespace nstrail
