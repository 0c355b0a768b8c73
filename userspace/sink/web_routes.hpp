// SPDX-License-Identifier: Apache-2.0
// Which addresses there are, and what is answered at each.
#pragma once

#include <httplib.h>

#include "sink/web.hpp"

namespace nstrail {

/// Registers all of web_routes(). Options and source must outlive the server.
void add_routes(httplib::Server& server, WebSource& source, const WebOptions& options);

}  // namespace nstrail
