// SPDX-License-Identifier: Apache-2.0
// Which addresses there are, and what is answered at each.
#pragma once

#include <httplib.h>

#include "sink/web.hpp"
#include "sink/web_counts.hpp"

namespace nstrail {

/// Registers all of web_paths(). All must outlive the server.
void add_routes(httplib::Server& server, WebSource& source, const WebOptions& options,
                WebCounts& counts);

}  // namespace nstrail
