// SPDX-License-Identifier: Apache-2.0
#include "source/kernel_types.hpp"

#include <algorithm>
#include <memory>
#include <span>

#include <bpf/btf.h>

namespace nstrail {

std::optional<bool> kernel_struct_has(const std::string& name, std::string_view member) {
    const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
    if (!types) {
        return std::nullopt;
    }
    const int id = btf__find_by_name_kind(types.get(), name.c_str(), BTF_KIND_STRUCT);
    if (id < 0) {
        return std::nullopt;
    }
    const btf_type* type = btf__type_by_id(types.get(), static_cast<std::uint32_t>(id));
    const std::span<const btf_member> members(btf_members(type), btf_vlen(type));
    return std::ranges::any_of(members, [&](const btf_member& one) {
        return member == btf__name_by_offset(types.get(), one.name_off);
    });
}

}  // namespace nstrail
