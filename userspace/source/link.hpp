// SPDX-License-Identifier: Apache-2.0
// An attached BPF program: detached when its owner lets it go, unless it is pinned.
#pragma once

#include <memory>

#include <bpf/libbpf.h>

namespace nstrail {

struct LinkCloser {
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkCloser>;

}  // namespace nstrail
