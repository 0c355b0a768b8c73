// SPDX-License-Identifier: Apache-2.0
#include "support/temp_dir.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace nstrail::test {

namespace fs = std::filesystem;

TempDir::TempDir() : path_(fs::temp_directory_path() / "nstrail-test-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
        std::perror("cannot make a temporary directory");
        std::abort();
    }
}

TempDir::~TempDir() {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path_, ignored)) {
        forget_memory(entry.path());
    }
    fs::remove_all(path_, ignored);
}

void forget_memory(const std::string& boot_folder) {
    const std::string where = boot_folder + "/open";
    std::string path;
    if (std::getline(std::ifstream(where), path) && path.starts_with("/dev/shm/nstrail-")) {
        fs::remove(path);
        fs::remove(where);
    }
}

}  // namespace nstrail::test
