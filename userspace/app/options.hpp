// SPDX-License-Identifier: Apache-2.0
// What the command line says, checked.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/result.hpp"
#include "event/event.hpp"
#include "event/filter.hpp"
#include "record/writer.hpp"
#include "rules/notable.hpp"
#include "sink/shipper.hpp"
#include "source/live.hpp"

namespace nstrail {

/// Exit codes, the same for all commands.
enum ExitCode : int {
    exit_ok = 0,
    exit_failure = 1,
    exit_usage = 2,
    exit_violations = 3,
    exit_unsupported = 4
};

/// "250ms", "10s", "2m", "1h", "1d"; a bare number is seconds.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(const std::string& text);
/// What --for says; an empty text is no limit.
[[nodiscard]] Result<std::optional<std::chrono::nanoseconds>> parse_limit(const std::string& text);
/// "64K", "8M", "1G"; a bare number is bytes.
[[nodiscard]] Result<std::size_t> parse_size(const std::string& text);
/// "mnt,pid"
[[nodiscard]] Result<std::vector<NsType>> parse_types(const std::string& text);

/// The options of every command that traces.
struct TraceOptions {
    std::string hooks = "auto";
    std::string ring_size = "8M";
    bool exact_switches = false;

    void add_to(CLI::App& command);
    [[nodiscard]] Result<LiveOptions> resolve() const;
};

/// The options of every command that holds events against the rules: what else is worth a look.
struct NotableChoice {
    std::string what = "all";
    std::string empty_after = "10m";
    std::string stuck_after = "30s";
    std::string tools = "criu";

    void add_to(CLI::App& command);
    [[nodiscard]] Result<NotableOptions> resolve() const;
};

/// The options of every command that records.
struct RecordChoice {
    std::string max_size = "1G";
    std::string max_age;
    std::string seal = "1s";
    std::string when_full = "drop";
    bool sync = false;
    bool compress = false;

    /// Of a command that does more than to record, each begins with `prefix`, e.g. "record-".
    void add_to(CLI::App& command, const std::string& prefix = {});
    [[nodiscard]] Result<WriterOptions> resolve(const std::string& path) const;
};

/// The options of every command that ships what is recorded.
struct ShipChoice {
    std::string url;
    std::string cluster = "default";
    std::string host;
    std::string rate = "8M";
    std::string every = "1s";

    /// All but the url; each begins with `prefix`, e.g. "ship-".
    void add_to(CLI::App& command, const std::string& prefix = {});
    /// `path`: the directory of the recorder.
    [[nodiscard]] Result<ShipOptions> resolve(const std::string& path) const;
};

/// The options of every command that reads recordings: which one of those in a stream.
struct StreamPick {
    std::string host;
    std::string boot;

    void add_to(CLI::App& command);
    /// What Replay::open() is to be given where `recording` was said.
    [[nodiscard]] Result<std::string> name(const std::string& recording) const;
};

/// The option of every command that shows a stream.
struct FilterChoice {
    std::optional<std::string> text;

    void add_to(CLI::App& command);
    [[nodiscard]] Result<std::optional<Filter>> resolve() const;
};

/// What a command reads that reads streams, for its help.
inline constexpr const char* stream_words =
    "the directory that `nstrail record` wrote to, nats://HOST:PORT/STREAM that it was shipped to, "
    "or a file of what `nstrail live --json --all` printed";
inline constexpr const char* stream_or_stdin_words =
    "the directory that `nstrail record` wrote to, nats://HOST:PORT/STREAM that it was shipped to, "
    "or a file of what `nstrail live --json --all` printed; - is stdin";

/// Prints "nstrail: what: why; next" and returns the code.
int complain(const Error& error, int code = exit_failure);

}  // namespace nstrail
