// SPDX-License-Identifier: Apache-2.0
// Where events come from. Everything to the right of a source sees only the order of its events.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.hpp"
#include "event/event.hpp"

namespace nstrail {

/// Called with each event in stream order; the event is valid during the call.
using EventHandler = std::function<void(const Event&)>;

class Source {
public:
    Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    virtual ~Source() = default;

    /// Delivers what has arrived and returns how many events that was. Never blocks. One thread at
    /// a time.
    [[nodiscard]] virtual Result<std::size_t> poll(const EventHandler& handle) = 0;

    /// No more will ever come.
    [[nodiscard]] virtual bool ended() const = 0;
};

}  // namespace nstrail
