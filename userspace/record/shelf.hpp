// SPDX-License-Identifier: Apache-2.0
// What lies in the directory of a recorder: boots, and the chunks of each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "record/format.hpp"

namespace nstrail {

struct ShelvedChunk {
    std::uint32_t number = 0;
    std::string path;  ///< of its folder
    std::string file;  ///< of its packets; empty = there is none
    bool packed = false;
    std::uint64_t bytes = 0;       ///< of the folder's files
    std::int64_t modified_ns = 0;  ///< when its packets were last written, by the calendar
    std::uint64_t first_ns = 0;    ///< boottime of its first packet; 0 = only that tells
};

struct ShelvedBoot {
    std::string path;
    std::vector<ShelvedChunk> chunks;  ///< in order

    [[nodiscard]] std::string open_path() const { return path + '/' + std::string(open_name); }
};

/// The boots in `path`, oldest first: the folders of boots in it, or it is the folder of one
/// itself. Fails where it cannot be read, or holds neither.
[[nodiscard]] Result<std::vector<ShelvedBoot>> list_boots(const std::string& path);
/// The same of one boot's folder. Fails where it cannot be read; it may hold no chunk.
[[nodiscard]] Result<ShelvedBoot> list_boot(const std::string& path);

/// The whole of a text file of at most `most` bytes.
[[nodiscard]] Result<std::string> read_text(const std::string& path, std::size_t most);

}  // namespace nstrail
