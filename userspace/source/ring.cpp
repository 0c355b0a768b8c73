// SPDX-License-Identifier: Apache-2.0
#include "source/ring.hpp"

#include <cerrno>

#include <sys/mman.h>
#include <unistd.h>

namespace nstrail {

Result<Ring> Ring::map(int map_fd, std::size_t size) {
    Ring ring;
    ring.page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    ring.mask_ = size - 1;
    void* ours = mmap(nullptr, ring.page_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (ours == MAP_FAILED) {
        return fail("map the ring buffer", errno);
    }
    ring.consumer_ = static_cast<std::uint64_t*>(ours);
    void* theirs = mmap(nullptr, ring.page_ + size, PROT_READ, MAP_SHARED, map_fd,
                        static_cast<off_t>(ring.page_));
    if (theirs == MAP_FAILED) {
        return fail("map the ring buffer's data", errno);
    }
    ring.producer_ = static_cast<std::uint64_t*>(theirs);
    ring.data_ = static_cast<std::byte*>(theirs) + ring.page_;
    return ring;
}

Ring::~Ring() {
    if (consumer_ != nullptr) {
        munmap(consumer_, page_);
    }
    if (producer_ != nullptr) {
        munmap(producer_, page_ + size());
    }
}

}  // namespace nstrail
