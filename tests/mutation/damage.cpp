// SPDX-License-Identifier: Apache-2.0
#include "mutation/damage.hpp"

#include <algorithm>
#include <iterator>

namespace nstrail::test {

const std::vector<Damage>& all_damages() {
    static const std::vector<Damage> all = [] {
        std::vector<Damage> damages = namespace_damages();
        std::ranges::move(task_damages(), std::back_inserter(damages));
        return damages;
    }();
    return all;
}

}  // namespace nstrail::test
