// SPDX-License-Identifier: Apache-2.0
// What this kernel's type information (BTF) says. Needs no privilege.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nstrail {

/// Whether the kernel's struct has a member of that name; nothing = not known, because there is no
/// such struct or no type information. Reads all of it: some 10 ms.
[[nodiscard]] std::optional<bool> kernel_struct_has(const std::string& name,
                                                    std::string_view member);

}  // namespace nstrail
