// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

#include <system_error>

namespace nstrail {

std::string Error::line() const {
    std::string text = what;
    if (!why.empty()) {
        text += ": " + why;
    }
    if (!next.empty()) {
        text += "; " + next;
    }
    return text;
}

std::unexpected<Error> fail(std::string what, int code, std::string next) {
    // std::generic_category is strerror without its shared buffer.
    return fail(std::move(what), std::generic_category().message(code < 0 ? -code : code),
                std::move(next));
}

std::unexpected<Error> fail(std::string what, std::string why, std::string next) {
    return std::unexpected(
        Error{.what = std::move(what), .why = std::move(why), .next = std::move(next)});
}

}  // namespace nstrail
