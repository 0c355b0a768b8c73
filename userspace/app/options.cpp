// SPDX-License-Identifier: Apache-2.0
#include "app/options.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <sstream>

#include <unistd.h>

#include <fmt/format.h>

#include "event/reflect.hpp"
#include "sink/line_facts.hpp"

namespace nstrail {

namespace {

constexpr std::uint64_t smallest_rate = std::uint64_t{64} << 10;

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

/// A whole number with one of the units; nothing if it is not one, or too large.
std::optional<std::uint64_t> number_with_unit(const std::string& text,
                                              std::span<const Unit> units) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) {
        return std::nullopt;
    }
    const std::string_view unit(end, text.data() + text.size());
    for (const Unit& one : units) {
        std::uint64_t product = 0;
        if (unit == one.name && !__builtin_mul_overflow(number, one.factor, &product)) {
            return product;
        }
    }
    return std::nullopt;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(const std::string& text) {
    constexpr std::uint64_t second = 1'000'000'000;
    constexpr Unit units[] = {{"ms", 1'000'000},  {"s", second},        {"", second},
                              {"m", 60 * second}, {"h", 3600 * second}, {"d", 86400 * second}};
    const auto ns = number_with_unit(text, units);
    if (!ns || *ns > static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count())) {
        return fail(fmt::format("understand the duration '{}'", text),
                    "it is not a number with ms, s, m, h or d", "e.g. 10s");
    }
    return std::chrono::nanoseconds(*ns);
}

Result<std::optional<std::chrono::nanoseconds>> parse_limit(const std::string& text) {
    if (text.empty()) {
        return std::nullopt;
    }
    return parse_duration(text);
}

Result<std::size_t> parse_size(const std::string& text) {
    constexpr Unit units[] = {{"", 1}, {"K", 1U << 10}, {"M", 1U << 20}, {"G", 1U << 30}};
    const auto bytes = number_with_unit(text, units);
    if (!bytes) {
        return fail(fmt::format("understand the size '{}'", text),
                    "it is not a number with K, M or G", "e.g. 8M");
    }
    return *bytes;
}

Result<std::vector<NsType>> parse_types(const std::string& text) {
    std::vector<NsType> types;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');) {
        bool found = false;
        for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
            if (type_name(static_cast<NsType>(type)) == word) {
                types.push_back(static_cast<NsType>(type));
                found = true;
            }
        }
        if (!found) {
            return fail(fmt::format("understand --type {}", text),
                        fmt::format("'{}' is no type of namespace", word),
                        "the types are mnt, uts, ipc, pid, net, cgroup, time, user");
        }
    }
    return types;
}

void TraceOptions::add_to(CLI::App& command) {
    command
        .add_option("--hooks", hooks,
                    "how to attach: auto, full (fentry), kprobe, tracepoint (reduced mode)")
        ->check(CLI::IsMember({"auto", "full", "kprobe", "tracepoint"}))
        ->capture_default_str();
    command
        .add_option("--ring-size", ring_size,
                    "size of the ring buffer, a power of two (64K to 512M)")
        ->capture_default_str();
    command.add_flag(
        "--exact-switches", exact_switches,
        "reduced mode: hook the return of setns and unshare; costs every system call of the host");
}

Result<LiveOptions> TraceOptions::resolve() const {
    LiveOptions options;
    options.hooks.choice = hooks == "full"         ? HookChoice::full
                           : hooks == "kprobe"     ? HookChoice::kprobe
                           : hooks == "tracepoint" ? HookChoice::tracepoint
                                                   : HookChoice::automatic;
    options.hooks.exact_switches = exact_switches;
    const auto bytes = parse_size(ring_size);
    if (!bytes) {
        return std::unexpected(bytes.error());
    }
    if (!std::has_single_bit(*bytes) || *bytes < (64U << 10) || *bytes > (512U << 20)) {
        // Beyond that the kernel's verifier follows no offset (BPF_MAX_VAR_OFF).
        return fail(fmt::format("use --ring-size {}", ring_size),
                    "the ring takes a power of two from 64K to 512M", "choose one, e.g. 8M");
    }
    options.ring_bytes = *bytes;
    return options;
}

void NotableChoice::add_to(CLI::App& command) {
    command
        .add_option("--notable", what,
                    "what to tell besides broken rules: all, none, or of escape, chosen_pids, "
                    "empty, stuck, joined by commas")
        ->capture_default_str();
    command
        .add_option("--empty-after", empty_after,
                    "how long a namespace may be without tasks before it is notable")
        ->capture_default_str();
    command
        .add_option("--stuck-after", stuck_after,
                    "how long the end of a pid namespace may take before it is notable")
        ->capture_default_str();
    command
        .add_option("--checkpoint-tools", tools,
                    "names of programs that may choose pids, joined by commas")
        ->capture_default_str();
}

Result<NotableOptions> NotableChoice::resolve() const {
    NotableOptions options;
    if (auto parsed = parse_notables(what, options); !parsed) {
        return std::unexpected(parsed.error());
    }
    const auto empty = parse_duration(empty_after);
    if (!empty) {
        return std::unexpected(empty.error());
    }
    const auto stuck = parse_duration(stuck_after);
    if (!stuck) {
        return std::unexpected(stuck.error());
    }
    options.empty_after_ns = static_cast<std::uint64_t>(empty->count());
    options.stuck_after_ns = static_cast<std::uint64_t>(stuck->count());
    options.checkpoint_tools.clear();
    std::istringstream names(tools);
    for (std::string name; std::getline(names, name, ',');) {
        options.checkpoint_tools.push_back(name);
    }
    return options;
}

void FilterChoice::add_to(CLI::App& command) {
    command.add_option("--filter", text,
                       "only what matches, e.g. 'comm=sh and not kind=task_exit' (docs/FILTER.md)");
}

Result<std::optional<Filter>> FilterChoice::resolve() const {
    if (!text) {
        return std::nullopt;
    }
    return parse_filter(*text);
}

void RecordChoice::add_to(CLI::App& command, const std::string& prefix) {
    const auto named = [&](const char* name) { return "--" + prefix + name; };
    command
        .add_option(named("max-size"), max_size,
                    "of all that is recorded: the oldest goes first, e.g. 500M")
        ->capture_default_str();
    command.add_option(named("max-age"), max_age,
                       "keep what happened since then and drop what is older, e.g. 30m");
    command
        .add_option(named("seal"), seal,
                    "what was recorded is in its file after this time at the latest")
        ->capture_default_str();
    command
        .add_option(named("when-full"), when_full,
                    "where the disk is full: drop the oldest, or stop recording")
        ->check(CLI::IsMember({"drop", "stop"}))
        ->capture_default_str();
    command.add_flag(named("sync"), sync, "bring each packet to the disk at once (fdatasync)");
    command.add_flag(named("compress"), compress, "compress what is full (zstd)");
}

Result<WriterOptions> RecordChoice::resolve(const std::string& path) const {
    constexpr std::size_t smallest = std::size_t{4} << 20;
    WriterOptions options;
    const auto size = parse_size(max_size);
    const auto sealed = parse_duration(seal);
    const auto age =
        max_age.empty() ? Result<std::chrono::nanoseconds>{0} : parse_duration(max_age);
    if (!size || !sealed || !age) {
        return std::unexpected(!size ? size.error() : !sealed ? sealed.error() : age.error());
    }
    if (*size < smallest) {
        return fail(fmt::format("record at most {}", max_size), "that is less than 4M");
    }
    if (sealed->count() == 0 || (!max_age.empty() && *age < std::chrono::seconds(10))) {
        return fail(fmt::format("record with --seal {} and --max-age {}", seal, max_age),
                    "packets are sealed after more than 0s, and an age is at least 10s");
    }
    options.store.path = path;
    options.store.max_bytes = *size;
    options.store.max_age = *age;
    options.store.sync = sync;
    options.store.compress = compress;
    options.store.stop_when_full = when_full == "stop";
    options.seal = *sealed;
    return options;
}

void ShipChoice::add_to(CLI::App& command, const std::string& prefix) {
    const auto named = [&](const char* name) { return "--" + prefix + name; };
    command
        .add_option(named("cluster"), cluster,
                    "what the host belongs to, a part of the subject it is shipped under")
        ->capture_default_str();
    command.add_option(named("host"), host, "the name it is shipped under; else the host's own");
    command
        .add_option(named("rate"), rate,
                    "bytes a second at most, as they are sent: what an outage held up must not "
                    "take all there is")
        ->capture_default_str();
    command
        .add_option(
            named("every"), every,
            "how long less than 256K on the disk may wait for more: fewer messages of quiet "
            "hosts")
        ->capture_default_str();
}

Result<ShipOptions> ShipChoice::resolve(const std::string& path) const {
    auto parsed = StreamUrl::parse(url);
    const auto bytes = parse_size(rate);
    const auto rest = parse_duration(every);
    if (!parsed || !bytes || !rest) {
        return std::unexpected(!parsed ? parsed.error() : !bytes ? bytes.error() : rest.error());
    }
    ShipOptions options{.url = std::move(*parsed),
                        .path = path,
                        .cluster = cluster,
                        .host = host,
                        .bytes_per_second = *bytes,
                        .every = *rest};
    if (*bytes < smallest_rate) {
        return fail(fmt::format("ship {} bytes a second", rate), "that is less than 64K");
    }
    if (host.empty()) {
        std::array<char, HOST_NAME_MAX + 1> name{};
        if (gethostname(name.data(), name.size() - 1) != 0) {
            return fail("find out this host's name", errno, "give one with --ship-host");
        }
        options.host = name.data();
    }
    if (options.cluster.empty() || options.host.empty()) {
        return fail("ship what is recorded", "cluster and host must have names");
    }
    return options;
}

void StreamPick::add_to(CLI::App& command) {
    command.add_option("--host", host, "of a stream: only that host's recordings");
    command.add_option("--boot", boot, "of a stream: only that boot, by its id");
}

Result<std::string> StreamPick::name(const std::string& recording) const {
    if (host.empty() && boot.empty()) {
        return recording;
    }
    if (!StreamUrl::looks_like(recording)) {
        return fail("choose --host or --boot of " + recording, "it is no stream",
                    "leave them out, or give nats://HOST:PORT/STREAM");
    }
    std::string named = host.empty() ? recording : with_query(recording, "host", host);
    return boot.empty() ? named : with_query(std::move(named), "boot", boot);
}

int complain(const Error& error, int code) {
    std::fputs(("nstrail: " + error.line() + "\n").c_str(), stderr);
    return code;
}

}  // namespace nstrail
