// SPDX-License-Identifier: Apache-2.0
#include "source/ring.hpp"

#include <cerrno>

#include <sys/mman.h>
#include <sys/random.h>

namespace nstrail {

Result<Ring> Ring::map(int map_fd, std::size_t size) {
    Ring ring;
    ring.mask_ = size - 1;
    void* mapped = mmap(nullptr, bytes_of_map(size), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (mapped == MAP_FAILED) {
        return fail("map the ring", errno);
    }
    ring.ring_ = static_cast<nst_ring*>(mapped);
    if (ring.ring_->secret == 0) {
        std::uint64_t drawn = 0;
        if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn)) {
            return fail("draw the secret of the ring", errno);
        }
        ring.ring_->secret = drawn | 1ULL << 63;
    }
    return ring;
}

Ring::~Ring() {
    if (ring_ != nullptr) {
        munmap(ring_, bytes_of_map(size()));
    }
}

}  // namespace nstrail
