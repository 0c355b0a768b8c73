// SPDX-License-Identifier: Apache-2.0
//
// The program that makes stress (vmtests/load.c), as the driver orders it about.
#ifndef NSTRAIL_VMTESTS_LOAD_HPP
#define NSTRAIL_VMTESTS_LOAD_HPP

#include <cstdint>
#include <expected>
#include <string>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

class Load {
public:
    // What it made since its start.
    struct Made {
        std::uint64_t tasks = 0;  // at least
        std::uint64_t namespaces = 0;
        std::uint64_t refused = 0;
    };

    static std::expected<Load, std::string> start(const Options& options);

    // flavour: tasks, namespaces or mixed.
    bool order(const std::string& flavour, int ms);
    // Until everything it left stands still.
    std::expected<Made, std::string> still(Seconds limit);
    std::expected<Made, std::string> run(const std::string& flavour, int ms);
    // Tears everything down; what went wrong, or an empty text.
    std::string end();

private:
    explicit Load(Child process) : process_(std::move(process)) {}
    Child process_;
};

}  // namespace vmtests

#endif
