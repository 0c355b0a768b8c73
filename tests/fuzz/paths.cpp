// SPDX-License-Identifier: Apache-2.0
// Any bytes as the path of a cgroup and as a line of mountinfo: whoever makes containers and mounts
// chooses them.
#include <string>

#include "fuzz/fuzz.hpp"
#include "model/container.hpp"
#include "source/mountinfo.hpp"

using namespace nstrail;
using fuzz::require;

namespace {

void cgroup(std::string_view path) {
    const Whereabouts here = parse_cgroup_path(path);
    require(here.container.size() <= path.size(), "a container is named in the path");
    require(here.pod.size() <= path.size() && here.unit.size() <= path.size(),
            "pod and unit are in the path");
    require(parse_cgroup_path(path) == here, "it says the same again");
}

void mount(std::string_view line) {
    require(unescape_octal(line).size() <= line.size(), "an escape stands for one byte");
    if (const auto found = parse_ns_mount(line)) {
        require(found->type > NST_ns_type_none && found->type <= NST_ns_type_user,
                "a mounted namespace has a type");
        require(found->path.size() <= line.size(), "where it is mounted is in the line");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::as_text(data, size);
    cgroup(text);
    mount(text);
    return 0;
}
