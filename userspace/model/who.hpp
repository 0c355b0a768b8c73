// SPDX-License-Identifier: Apache-2.0
// To which container, pod or unit the tasks and namespaces of a View belong.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/container.hpp"
#include "model/view.hpp"

namespace nstrail {

/// Made by one walk over the tasks of a View; then answers at once. One thread.
class Who {
public:
    explicit Who(const View& view);

    /// Null where its cgroup is not known.
    [[nodiscard]] const Whereabouts* of(const Task& task);
    /// Where all the tasks in it are, if that is one container; null if they are in none, in
    /// several, or if there are none.
    [[nodiscard]] const Whereabouts* of(const Namespace& ns) const;

private:
    std::unordered_map<std::string, Whereabouts> by_path_;
    boost::unordered_flat_map<std::uint32_t, const Whereabouts*> by_namespace_;
};

}  // namespace nstrail
