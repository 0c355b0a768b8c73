// SPDX-License-Identifier: Apache-2.0
// Where tests keep what is not to stay.
#pragma once

#include <string>

namespace nstrail::test {

/// A directory that goes with it, and what recorders in it left in memory.
class TempDir {
public:
    TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir();
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// As if the host had crashed: what a recorder held in memory is gone.
void forget_memory(const std::string& boot_folder);

}  // namespace nstrail::test
