// SPDX-License-Identifier: Apache-2.0
#include "source/iterator.hpp"

#include <cerrno>

#include <unistd.h>

#include <bpf/bpf.h>

namespace nstrail {

namespace {

// At about 350 bytes told for each, a step fills a small part of the smallest useful ring.
constexpr std::size_t objects_per_step = 512;

}  // namespace

Result<void> Iterator::start(const bpf_link* link) {
    file_ = Fd(bpf_iter_create(bpf_link__fd(link)));
    if (!file_) {
        return fail("start an iterator of the kernel", errno);
    }
    return {};
}

Result<void> Iterator::step() {
    char bytes[objects_per_step];
    const ssize_t got = ::read(file_.get(), bytes, sizeof(bytes));
    if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN))) {
        return {};
    }
    const int code = errno;
    file_.reset();
    if (got < 0) {
        return fail("read an iterator of the kernel", code);
    }
    return {};
}

}  // namespace nstrail
