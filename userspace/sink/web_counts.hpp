// SPDX-License-Identifier: Apache-2.0
// What the web server counts of itself.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace nstrail {

/// Why a connection or a request was turned away.
enum class TurnedAway : std::uint8_t {
    connections,  ///< closed to make room, or no room could be made
    timeout,      ///< the request did not come in time
    head,         ///< the request's head is too large
    tls,          ///< no TLS, or none that is accepted
    method,
    body,
    host,
    credential,
    end,
};
inline constexpr std::size_t turned_away_count = static_cast<std::size_t>(TurnedAway::end);
[[nodiscard]] std::string_view turned_away_name(TurnedAway reason);

struct WebFigures {
    static constexpr std::size_t most_routes = 24;
    /// By place in web_paths(); behind those, what is at no route.
    std::array<std::uint64_t, most_routes> requests{};
    std::array<std::uint64_t, 6> answers{};  ///< by the first digit of the status
    std::array<std::uint64_t, turned_away_count> turned_away{};
    std::uint64_t connections = 0;
    std::uint64_t connection_limit = 0;
};

/// Any thread.
struct WebCounts {
    std::array<std::atomic<std::uint64_t>, WebFigures::most_routes> requests{};
    std::array<std::atomic<std::uint64_t>, 6> answers{};
    std::array<std::atomic<std::uint64_t>, turned_away_count> turned_away{};
    std::atomic<std::uint64_t> connections = 0;
    std::uint64_t connection_limit = 0;

    void turn_away(TurnedAway reason) { turned_away[static_cast<std::size_t>(reason)]++; }
    void answer(int status) {
        answers[status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100) : 0]++;
    }
    [[nodiscard]] WebFigures figures() const;
};

}  // namespace nstrail
