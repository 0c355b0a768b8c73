// SPDX-License-Identifier: Apache-2.0
// All of libnstrail: events in, a World of tasks and namespaces out. See docs/LIBRARY.md.
#pragma once

#include "base/result.hpp"        // IWYU pragma: export
#include "event/event.hpp"        // IWYU pragma: export
#include "event/format.hpp"       // IWYU pragma: export
#include "model/container.hpp"    // IWYU pragma: export
#include "model/holders.hpp"      // IWYU pragma: export
#include "model/pid_request.hpp"  // IWYU pragma: export
#include "model/set_tid.hpp"      // IWYU pragma: export
#include "model/teardown.hpp"     // IWYU pragma: export
#include "model/view.hpp"         // IWYU pragma: export
#include "model/why.hpp"          // IWYU pragma: export
#include "model/world.hpp"        // IWYU pragma: export
