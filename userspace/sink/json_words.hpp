// SPDX-License-Identifier: Apache-2.0
// What JSON documents have in common: texts, lists, and the names of namespaces.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "model/view.hpp"

namespace nstrail {

/// Text that may hold any bytes, as json_quote() writes it; null if there is none.
[[nodiscard]] inline nlohmann::ordered_json text_json(std::string_view text) {
    return text.empty() ? nlohmann::ordered_json()
                        : nlohmann::ordered_json::parse(json_quote(text));
}

/// An array of what `each` makes of the members, in their order.
template <class List, class F>
[[nodiscard]] nlohmann::ordered_json list_json(const List& all, F each) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& one : all) {
        list.push_back(each(one));
    }
    return list;
}

[[nodiscard]] inline nlohmann::ordered_json name_json(const Namespace& ns) {
    const std::uint64_t id = ns.record().id;
    return {{"type", type_name(ns.type())},
            {"inum", ns.inum()},
            {"id", id == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(id)},
            {"gen", ns.gen()}};
}

}  // namespace nstrail
