// SPDX-License-Identifier: Apache-2.0
// The meaning of a View and an Account as JSON: what two runs must agree on, and what the
// expectations beside recorded streams hold. Keys of kernel objects are left out, they mean nothing
// from boot to boot.
#pragma once

#include <nlohmann/json.hpp>

#include "model/view.hpp"

namespace nstrail::test {

[[nodiscard]] nlohmann::json summarize(const Account& account);

/// certain, synchronized, lost, every namespace, every task, and the account.
[[nodiscard]] nlohmann::json summarize(const View& view);

}  // namespace nstrail::test
