// SPDX-License-Identifier: Apache-2.0
// Server-sent events: the lines of a stream, as a browser's EventSource reads them.
#pragma once

#include <chrono>
#include <memory>

#include <httplib.h>

#include "sink/web_source.hpp"

namespace nstrail {

/// Makes the answer tell the lines until they end or the client has gone. After `heartbeat` without
/// a line it says that it is still there.
void tell_events(httplib::Response& response, std::unique_ptr<EventLines> lines,
                 std::chrono::milliseconds heartbeat);

}  // namespace nstrail
