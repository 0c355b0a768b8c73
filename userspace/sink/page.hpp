// SPDX-License-Identifier: Apache-2.0
// The page of dashboards/live/, as it was bundled into this binary.
#pragma once

#include <span>
#include <string_view>

namespace nstrail {

struct PageFile {
    std::string_view path;   ///< as requested: "/" or "/assets/…"
    std::string_view type;   ///< Content-Type
    std::string_view bytes;  ///< not terminated
    std::string_view etag;   ///< with its quotes; changes with the bytes
};

/// All files there are; lives as long as the process. Any thread.
[[nodiscard]] std::span<const PageFile> page_files();

}  // namespace nstrail
