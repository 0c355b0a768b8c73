// SPDX-License-Identifier: Apache-2.0
#include "support/expect.hpp"

#include <algorithm>

namespace nstrail::test {

namespace {

using nlohmann::json;

bool of_objects(const json& list) {
    return list.is_array() && !list.empty() && list.front().is_object();
}

void compare_rows(const json& expected, const json& actual, const std::string& where, bool only,
                  std::vector<std::string>& found) {
    if (!actual.is_array()) {
        found.push_back(where + " is no list: " + actual.dump());
        return;
    }
    std::vector<bool> used(actual.size());
    for (const json& row : expected) {
        std::size_t i = 0;
        while (i < actual.size() && (used[i] || !differences(row, actual[i]).empty())) {
            i++;
        }
        if (i == actual.size()) {
            found.push_back(where + " has no such row: " + row.dump());
        } else {
            used[i] = true;
        }
    }
    for (std::size_t i = 0; only && i < actual.size(); i++) {
        if (!used[i]) {
            found.push_back(where + " has one row more: " + actual[i].dump());
        }
    }
}

}  // namespace

std::vector<std::string> differences(const json& expected, const json& actual,
                                     const std::string& where) {
    std::vector<std::string> found;
    if (expected.is_object() && expected.size() == 1 && expected.contains("only")) {
        compare_rows(expected["only"], actual, where, true, found);
    } else if (expected.is_object() && actual.is_object()) {
        for (const auto& [name, value] : expected.items()) {
            const std::string path = where.empty() ? name : where + "." + name;
            if (!actual.contains(name)) {
                found.push_back(path + " is missing, expected " + value.dump());
                continue;
            }
            std::ranges::move(differences(value, actual[name], path), std::back_inserter(found));
        }
    } else if (of_objects(expected)) {
        compare_rows(expected, actual, where, false, found);
    } else if (expected != actual) {
        found.push_back((where.empty() ? "it" : where) + " is " + actual.dump() + ", expected " +
                        expected.dump());
    }
    return found;
}

}  // namespace nstrail::test
