// SPDX-License-Identifier: Apache-2.0
// The metadata of a chunk: TSDL, the text in which CTF describes a trace, made from the event
// declarations; and what our reader takes from it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "event/event.hpp"
#include "record/format.hpp"

namespace nstrail {

/// How the records of one kind lie in a file. Fields are only ever added at the end of the fixed
/// part, so an older or newer one is read by the part that both have.
struct KindLayout {
    std::uint32_t fixed = 0;     ///< bytes of the fixed part, header included; 0 = no such kind
    std::uint32_t element = 0;   ///< bytes of an element of the tail; 0 = it has none
    std::uint32_t count_at = 0;  ///< where the fixed part counts them (u32)
    bool operator==(const KindLayout&) const = default;
};

/// What of a chunk's metadata the reader goes by.
struct Metadata {
    static constexpr std::size_t most_kinds = 256;
    std::uint32_t format = 0;
    Uuid uuid{};
    std::uint64_t wall_offset_ns = 0;  ///< CLOCK_REALTIME minus CLOCK_BOOTTIME
    std::string release;               ///< of the kernel
    std::array<KindLayout, most_kinds> kinds{};
};

/// Those of this version.
[[nodiscard]] const std::array<KindLayout, Metadata::most_kinds>& own_layouts();

[[nodiscard]] std::string metadata_text(const nst_session& session, const Uuid& uuid);

/// Fails on what is no metadata of a recording, or of a format that came later.
[[nodiscard]] Result<Metadata> parse_metadata(std::string_view text);

}  // namespace nstrail
