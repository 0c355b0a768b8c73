// SPDX-License-Identifier: Apache-2.0
// Whether a clone3() with chosen pids (set_tid) could be honoured, by the rules of the kernel's
// alloc_pid() in 6.1 to 6.12. Later kernels look at the same things in another order, and so may
// name another of several reasons.
//
// Not looked at is what has nothing to do with the numbers: RLIMIT_NPROC, the pids cgroup, memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nstrail {

/// What a number of a pid namespace is used for.
struct NumberUse {
    enum class State : std::uint8_t { free, taken, unknown };
    State state = State::unknown;
    std::string by;  ///< taken: by whom, in words, e.g. "tid 812 (nginx)"
};

/// One pid namespace as a request meets it. An empty optional is: not known.
struct PidLevel {
    std::uint32_t pid_namespace = 0;     ///< inum; 0 = not known
    std::optional<std::uint32_t> level;  ///< depth, 0 = the initial one
    std::optional<std::uint32_t> owner;  ///< inum of the owning user namespace
    std::optional<std::uint32_t> last_pid;
    std::optional<std::uint32_t> pid_max;  ///< the first number too large
    std::optional<std::uint32_t> used;     ///< how many numbers are in use
    /// It has an init, or had one: child_reaper is never cleared. Without, only number 1 is given.
    std::optional<bool> has_reaper;
    /// Takes processes: PIDNS_ADDING. Not so once its init is gone or its first fork failed.
    std::optional<bool> adding;
    /// The caller may choose numbers here: checkpoint_restore_ns_capable() over the owner.
    std::optional<bool> capable;
    /// No function = not known of any number.
    std::function<NumberUse(std::uint32_t)> use;
    std::string reaper;  ///< in words, e.g. "tid 4242 (init)"; empty = nobody known
};

enum class PidAnswer : std::uint8_t { possible, refused, unknown };
[[nodiscard]] std::string_view answer_name(PidAnswer answer);

struct NumberVerdict {
    PidAnswer answer = PidAnswer::possible;
    int error = 0;              ///< refused: the errno that goes with the reason
    bool error_certain = true;  ///< false: what is not known might fail first, with another errno
    std::string because;        ///< refused, unknown: one sentence without a full stop
};

struct RequestVerdict {
    NumberVerdict whole;               ///< what the kernel would answer
    std::optional<std::size_t> level;  ///< whose verdict that is; none = of the request as a whole
    /// One for each number asked for, innermost first, as if each had been asked for alone: the
    /// kernel stops at the first refusal. Empty if it refuses before it looks at any.
    std::vector<NumberVerdict> levels;
};

/// `levels` innermost first, at least one. `all_levels`: the last of them is the initial pid
/// namespace, so that there are no more. `asked` innermost first, as clone3() has it.
[[nodiscard]] RequestVerdict check_pid_request(std::span<const PidLevel> levels, bool all_levels,
                                               std::span<const std::int32_t> asked);

/// "EEXIST at level 1 (pid:[4026532201]): 31 is taken by tid 812 (nginx)".
[[nodiscard]] std::string in_words(const RequestVerdict& verdict, std::span<const PidLevel> levels);

/// In the same form, why the kernel has refused the request with `error`, as far as that can be
/// told: by what is known to lead to that errno, else by what may.
[[nodiscard]] std::string explain_refusal(int error, std::span<const PidLevel> levels,
                                          bool all_levels, std::span<const std::int32_t> asked);

/// "7:31:812", innermost first. Any number that fits a pid_t is one, if only to be refused; the
/// error names the element that is none.
[[nodiscard]] Result<std::vector<std::int32_t>> parse_pid_vector(std::string_view text);

/// The other way round; "?" for what is not known.
[[nodiscard]] std::string last_pid_vector(std::span<const PidLevel> levels);

}  // namespace nstrail
