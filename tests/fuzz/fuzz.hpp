// SPDX-License-Identifier: Apache-2.0
// What all fuzz targets share. A target is one function, LLVMFuzzerTestOneInput, that takes any
// bytes, and ends the process where anything does not hold that should.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace nstrail::fuzz {

/// Ends the process where it does not hold, as a sanitizer would.
void require(bool holds, std::string_view what,
             std::source_location where = std::source_location::current());

[[nodiscard]] inline std::span<const std::byte> as_bytes(const std::uint8_t* data,
                                                         std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}
[[nodiscard]] inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

}  // namespace nstrail::fuzz
