// SPDX-License-Identifier: Apache-2.0
//
// What nstrail's BPF programs counted, read from the kernel without nstrail.
#ifndef NSTRAIL_VMTESTS_KERNEL_COUNTS_HPP
#define NSTRAIL_VMTESTS_KERNEL_COUNTS_HPP

#include <cstdint>
#include <expected>
#include <string>

namespace vmtests {

struct KernelCounts {
    std::uint64_t emitted = 0;  // records that programs tried to write
    std::uint64_t dropped = 0;  // of these, found the ring full
    bool operator==(const KernelCounts&) const = default;
};

// Of the one nstrail that runs. An error is one line.
std::expected<KernelCounts, std::string> read_kernel_counts();

}  // namespace vmtests

#endif
