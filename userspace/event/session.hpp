// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/wire.h"

namespace nstrail {

/// Whether `next` goes on where `last` ended: keys mean the same, and what is missing between them
/// gaps tell.
[[nodiscard]] inline bool continues(const nst_session& next, const nst_session& last) {
    return next.continues != 0 && next.continues == last.id;
}

}  // namespace nstrail
