// SPDX-License-Identifier: Apache-2.0
#include "sink/metrics.hpp"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <system_error>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "event/reflect.hpp"
#include "model/state.hpp"
#include "sink/web.hpp"

namespace nstrail {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

enum class Metric : std::uint8_t {
#define METRIC(name, type, label, help) name,
#include "sink/metrics.def"
};

struct Declared {
    const char* name;
    MetricType type;
    const char* labels;
    const char* help;
};

constexpr MetricType type_of(std::string_view word) {
    return word == "COUNTER" ? MetricType::Counter
           : word == "GAUGE" ? MetricType::Gauge
                             : MetricType::Histogram;
}

constexpr Declared declared[] = {
#define METRIC(name, type, labels, help) {"nstrail_" #name, type_of(#type), labels, help},
#include "sink/metrics.def"
};

constexpr const char* type_word(MetricType type) {
    return type == MetricType::Counter ? "counter"
           : type == MetricType::Gauge ? "gauge"
                                       : "histogram";
}

double seconds_of(std::uint64_t ns) {
    return static_cast<double>(ns) / 1e9;
}

/// Of what is not known.
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

struct Families {
    std::vector<MetricFamily> all{std::size(declared)};

    Families() {
        for (std::size_t i = 0; i < all.size(); i++) {
            all[i].name = declared[i].name;
            all[i].help = declared[i].help;
            all[i].type = declared[i].type;
        }
    }
    /// A value for each label that the metric is declared with, in that order.
    using Labels = std::initializer_list<std::string_view>;

    void add(Metric metric, Labels labels, double value) {
        const auto index = static_cast<std::size_t>(metric);
        ClientMetric& sample = add_sample(metric, labels);
        (declared[index].type == MetricType::Counter ? sample.counter.value : sample.gauge.value) =
            value;
    }
    void add(Metric metric, Labels labels, std::uint64_t value) {
        add(metric, labels, static_cast<double>(value));
    }
    void add(Metric metric, Labels labels, const Durations& took) {
        ClientMetric::Histogram& to = add_sample(metric, labels).histogram;
        for (std::size_t i = 0; i < took.counts.size(); i++) {
            to.sample_count += took.counts[i];
            to.bucket.push_back({.cumulative_count = to.sample_count,
                                 .upper_bound = i < Durations::bounds_ns.size()
                                                    ? seconds_of(Durations::bounds_ns[i])
                                                    : std::numeric_limits<double>::infinity()});
        }
        to.sample_sum = seconds_of(took.sum_ns);
    }
    template <class V>
    void add(Metric metric, std::string_view label, const V& value) {
        add(metric, Labels{label}, value);
    }
    template <class V>
    void add(Metric metric, const V& value) {
        add(metric, Labels{}, value);
    }

    template <class T, std::size_t n>
    void by_type(Metric metric, const std::array<T, n>& values) {
        for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
            add(metric, type_name(static_cast<NsType>(type)), values[type]);
        }
    }
    template <std::size_t n>
    void by_value(Metric metric, Format enumeration, const std::array<std::uint64_t, n>& values) {
        for (std::size_t i = 0; i < n; i++) {
            if (const auto name = enum_name(enumeration, i); !name.empty()) {
                add(metric, name, values[i]);
            }
        }
    }

private:
    ClientMetric& add_sample(Metric metric, Labels values) {
        const auto index = static_cast<std::size_t>(metric);
        ClientMetric& sample = all[index].metric.emplace_back();
        std::string_view names = declared[index].labels;
        for (const std::string_view value : values) {
            const auto end = std::min(names.find(','), names.size());
            sample.label.push_back(
                {.name = std::string(names.substr(0, end)), .value = std::string(value)});
            names.remove_prefix(std::min(end + 1, names.size()));
        }
        return sample;
    }
};

void add_account(Families& to, const Account& account) {
    for (std::uint32_t kind = 1; kind < NST_KIND_end; kind++) {
        to.add(Metric::events_total, kind_name(static_cast<Kind>(kind)), account.events[kind]);
    }
    to.by_value(Metric::lost_events_total, Format::ENUM_gap_cause, account.lost);
    to.by_value(Metric::gaps_total, Format::ENUM_gap_cause, account.gaps);
    to.add(Metric::snapshots_total, account.snapshots);
    to.add(Metric::resyncs_total, account.resyncs);
    to.by_type(Metric::namespaces_created_total, account.created);
    to.by_type(Metric::namespaces_destroyed_total, account.destroyed);
    to.by_type(Metric::namespaces_appeared_total, account.appeared);
    to.by_type(Metric::namespaces_forgotten_total, account.forgotten);
    to.by_type(Metric::namespace_lifetime_seconds, account.lifetimes);
    to.add(Metric::tasks_born_total, account.tasks_born);
    to.add(Metric::tasks_exited_total, account.tasks_exited);
    to.add(Metric::tasks_released_total, account.tasks_released);
    to.add(Metric::task_exit_to_release_seconds, account.exit_to_release);
    to.add(Metric::tasks_dropped_total, account.tasks_dropped);
    to.add(Metric::forks_failed_total, account.forks_failed);
    to.by_value(Metric::switches_total, Format::ENUM_switch_via, account.switches);
    for (std::size_t via = 0; via < account.moves.size(); via++) {
        if (const auto name = enum_name(Format::ENUM_switch_via, via); !name.empty()) {
            for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
                to.add(Metric::namespace_moves_total, {name, type_name(static_cast<NsType>(type))},
                       account.moves[via][type]);
            }
        }
    }
    to.add(Metric::switches_seen_late_total, account.switches_seen_late);
    to.add(Metric::user_namespace_switches_total, account.user_ns_switches);
    to.add(Metric::pid_jumps_total, account.pid_jumps);
    to.add(Metric::set_tid_requests_total, "granted", account.set_tid_granted);
    to.add(Metric::set_tid_requests_total, "refused", account.set_tid_refused);
    // The errnos of alloc_pid, and whatever else comes as one: a closed set.
    std::uint64_t other = 0;
    constexpr std::pair<int, const char*> names[] = {{EAGAIN, "EAGAIN"},
                                                     {ENOMEM, "ENOMEM"},
                                                     {EINVAL, "EINVAL"},
                                                     {EPERM, "EPERM"},
                                                     {EEXIST, "EEXIST"}};
    for (const auto& [code, name] : names) {
        const auto at = account.alloc_failures.find(code);
        to.add(Metric::pid_allocation_failures_total, name,
               at == account.alloc_failures.end() ? 0 : at->second);
    }
    for (const auto& [code, count] : account.alloc_failures) {
        const bool named =
            std::ranges::any_of(names, [&](const auto& one) { return one.first == code; });
        other += named ? 0 : count;
    }
    to.add(Metric::pid_allocation_failures_total, "other", other);
}

/// Numbers in use, and how many there may be.
struct PidUse {
    double used = unknown;
    double limit = unknown;

    void keep_fuller(std::uint32_t other_used, std::uint32_t other_limit) {
        const PidUse other{.used = static_cast<double>(other_used),
                           .limit = static_cast<double>(other_limit)};
        // What is unknown compares as false.
        if (!(used * other.limit >= other.used * limit)) {
            *this = other;
        }
    }
};

void add_pid_use(Families& to, const View& view, const std::vector<Namespace>& namespaces) {
    PidUse host;
    PidUse worst_namespace;
    PidUse worst_cgroup;
    for (const Namespace& ns : namespaces) {
        const NsRecord& record = ns.record();
        const std::uint32_t limit =
            record.pid_max != 0 ? record.pid_max : view.pid_max().value_or(0);
        if (ns.type() != NST_ns_type_pid || !record.pids_used_known || limit == 0) {
            continue;
        }
        (record.facts && record.level == 0 ? host : worst_namespace)
            .keep_fuller(record.pids_used, limit);
    }
    const CgroupTable& cgroups = view.state().cgroups;
    for (std::uint32_t index = 1; index <= cgroups.last(); index++) {
        const CgroupRecord& one = cgroups[index];
        if (one.told_ns != 0 && one.pids_max != 0 && one.pids_max != CgroupRecord::no_limit) {
            worst_cgroup.keep_fuller(one.pids_used, one.pids_max);
        }
    }
    for (const auto& [of, use] : {std::pair("host", host), std::pair("namespace", worst_namespace),
                                  std::pair("cgroup", worst_cgroup)}) {
        to.add(Metric::pid_numbers_used, of, use.used);
        to.add(Metric::pid_numbers_limit, of, use.limit);
    }
}

void add_tables(Families& to, const WorldState& state) {
    const auto add = [&](const char* name, const auto& table) {
        to.add(Metric::model_entries, name, std::uint64_t{table.size()});
        to.add(Metric::model_bytes, name, table.bytes());
    };
    add("tasks", state.tasks);
    add("processes", state.processes);
    add("sets", state.sets);
    add("namespaces", state.namespaces);
    add("cgroups", state.cgroups);
    add("names", state.names);
}

void add_namespaces(Families& to, const View& view) {
    constexpr std::size_t deepest = 32;  // MAX_PID_NS_LEVEL
    std::array<std::uint64_t, NST_ns_type_end> alive{};
    std::array<std::uint64_t, NST_ns_type_end> empty{};
    std::array<std::uint64_t, 4> states{};
    std::array<std::uint64_t, deepest + 1> levels{};
    std::uint64_t uncertain = 0;
    std::uint64_t oldest_ns = 0;
    const std::vector<Namespace> all = view.namespaces();
    for (const Namespace& ns : all) {
        const NsState state = ns.state();
        const NsRecord& record = ns.record();
        alive[ns.type()]++;
        empty[ns.type()] += state == NsState::empty ? 1 : 0;
        uncertain += record.certain ? 0 : 1;
        if (ns.type() != NST_ns_type_pid) {
            continue;
        }
        states[static_cast<std::size_t>(state)]++;
        if (record.facts && record.level <= deepest) {
            levels[record.level]++;
        }
        const bool ending = state == NsState::dying || state == NsState::zapping;
        if (ending && record.dying_since_ns != 0 && record.dying_since_ns < view.at_boot_ns()) {
            oldest_ns = std::max(oldest_ns, view.at_boot_ns() - record.dying_since_ns);
        }
    }
    to.by_type(Metric::namespaces, alive);
    to.by_type(Metric::namespaces_without_tasks, empty);
    to.add(Metric::uncertain_namespaces, uncertain);
    for (std::size_t level = 0; level < levels.size(); level++) {
        to.add(Metric::pid_namespaces_by_level, std::to_string(level), levels[level]);
    }
    to.add(Metric::pid_namespace_oldest_teardown_seconds, seconds_of(oldest_ns));
    add_pid_use(to, view, all);
    for (const NsState state : {NsState::alive, NsState::dying, NsState::zapping, NsState::empty}) {
        to.add(Metric::pid_namespaces, ns_state_name(state),
               states[static_cast<std::size_t>(state)]);
    }
}

void add_tasks(Families& to, const View& view) {
    const TaskCounts counts = view.count_tasks();
    to.add(Metric::unconfirmed_tasks, counts.soft);
    to.add(Metric::tasks, task_state_name(TaskState::alive), counts.alive);
    to.add(Metric::tasks, task_state_name(TaskState::exiting), counts.exiting);
    to.add(Metric::tasks, task_state_name(TaskState::zombie), counts.zombie);
}

void add_programs(Families& to, const SourceFigures& source) {
    for (const auto& [name, runs, ns] : source.programs) {
        to.add(Metric::bpf_program_runs_total, name, runs);
        to.add(Metric::bpf_program_seconds_total, name, seconds_of(ns));
    }
    // Of a recording nobody knows how the kernel was set.
    double enabled = unknown;
    if (!source.programs.empty()) {
        std::ifstream("/proc/sys/kernel/bpf_stats_enabled") >> enabled;
    }
    to.add(Metric::bpf_stats_enabled, enabled);
}

/// What stat of /proc/self says; see proc(5).
struct SelfStat {
    std::uint64_t threads = 0;
    std::uint64_t start_ticks = 0;  // since boot
    std::uint64_t virtual_bytes = 0;
    std::uint64_t resident_pages = 0;

    SelfStat() {
        std::ifstream file("/proc/self/stat");
        std::string text;
        std::getline(file, text);
        // The name in brackets may hold anything; the state behind it is the third field.
        std::istringstream rest(text.substr(std::min(text.rfind(')') + 1, text.size())));
        std::string skipped;
        for (int field = 3; field < 20; field++) {
            rest >> skipped;
        }
        rest >> threads >> skipped >> start_ticks >> virtual_bytes >> resident_pages;
    }
    [[nodiscard]] double start_time() const {
        const auto now = [](clockid_t clock) {
            timespec time{};
            clock_gettime(clock, &time);
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
        };
        return now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME) +
               static_cast<double>(start_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
};

void add_web(Families& to, const WebFigures& web) {
    const auto paths = web_paths();
    for (std::size_t i = 0; i < paths.size(); i++) {
        to.add(Metric::http_requests_total, paths[i], web.requests[i]);
    }
    to.add(Metric::http_requests_total, "other", web.requests[paths.size()]);
    constexpr const char* codes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (std::size_t i = 0; i < web.answers.size(); i++) {
        to.add(Metric::http_answers_total, codes[i], web.answers[i]);
    }
    for (std::size_t i = 0; i < turned_away_count; i++) {
        to.add(Metric::http_refused_total, turned_away_name(static_cast<TurnedAway>(i)),
               web.turned_away[i]);
    }
    to.add(Metric::http_connections, web.connections);
    to.add(Metric::http_connection_limit, web.connection_limit);
}

void add_self(Families& to, const std::string& version) {
    to.add(Metric::build_info, version, std::uint64_t{1});
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    to.add(Metric::process_cpu_seconds_total, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    const SelfStat stat;
    to.add(Metric::process_start_time_seconds, stat.start_time());
    to.add(Metric::process_virtual_memory_bytes, stat.virtual_bytes);
    to.add(Metric::process_resident_memory_bytes,
           stat.resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
    to.add(Metric::process_threads, stat.threads);
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    to.add(Metric::process_max_fds, std::uint64_t{limit.rlim_cur});
    std::error_code none;
    std::uint64_t fds = 0;
    for (std::filesystem::directory_iterator at("/proc/self/fd", none), end; at != end;
         at.increment(none)) {
        fds++;
    }
    to.add(Metric::process_open_fds, fds);
}

}  // namespace

std::string metrics_text(const View& view, const SourceFigures& source, const Findings& findings,
                         const Notices& notices, const FeedFigures& feed, const WebFigures& web,
                         const std::string& version) {
    Families families;
    add_account(families, view.account());
    for (const RuleCount& rule : findings.rules) {
        families.add(Metric::rule_checks_total, rule.id, rule.checked);
        families.add(Metric::rule_violations_total, rule.id, rule.violations);
        families.add(Metric::rule_unknown_total, rule.id, rule.unknown);
        families.add(Metric::rule_uncheckable, rule.id, std::uint64_t{rule.uncheckable});
    }
    for (std::size_t i = 0; i < notable_count; i++) {
        families.add(Metric::notable_total, notable_name(static_cast<Notable>(i)),
                     notices.counts[i]);
    }
    families.add(Metric::certain, std::uint64_t{view.certain()});
    add_namespaces(families, view);
    add_tasks(families, view);
    add_tables(families, view.state());
    for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
        const auto& limit = source.namespace_limits[type];
        families.add(Metric::namespace_limit, type_name(static_cast<NsType>(type)),
                     limit ? static_cast<double>(*limit) : unknown);
    }
    add_programs(families, source);
    families.add(Metric::emitted_events_total, source.emitted);
    families.add(Metric::delivered_events_total, source.delivered);
    families.add(Metric::ring_bytes, source.ring_bytes);
    families.add(Metric::ring_high_water_bytes, source.ring_high_water);
    families.add(Metric::hook_silent, source.silent_hooks);
    constexpr const char* ways[] = {"fentry", "kprobe", "tracepoint", "iterator", "none"};
    for (std::size_t i = 0; i < source.hooks_by_way.size(); i++) {
        families.add(Metric::hooks, ways[i], source.hooks_by_way[i]);
    }
    const WriterFigures& recording = source.recording;
    families.add(Metric::recording,
                 std::uint64_t{source.recording_wanted && recording.fault.empty()});
    families.add(Metric::recorded_events_total, recording.events);
    families.add(Metric::unrecorded_events_total, recording.lost);
    families.add(Metric::recording_bytes, recording.bytes);
    families.add(Metric::recording_limit_bytes, recording.limit_bytes);
    families.add(Metric::recording_chunks_dropped_total, recording.chunks_dropped);
    const ShipFigures& shipping = source.shipping;
    families.add(Metric::shipping_connected, std::uint64_t{shipping.connected});
    families.add(Metric::shipped_packets_total, shipping.packets);
    families.add(Metric::shipped_messages_total, shipping.messages);
    families.add(Metric::shipped_bytes_total, shipping.bytes);
    families.add(Metric::shipped_doubles_total, shipping.doubles);
    families.add(Metric::shipping_failures_total, shipping.failures);
    families.add(Metric::unshipped_packets_total, shipping.lost);
    families.add(Metric::shipping_waiting_bytes, shipping.waiting_bytes);
    families.add(Metric::shipping_stuck_seconds,
                 static_cast<std::uint64_t>(shipping.stuck.count()));
    families.add(Metric::sse_clients, feed.clients);
    families.add(Metric::sse_client_limit, std::uint64_t{EventFeed::most_clients});
    families.add(Metric::sse_refused_clients_total, feed.refused);
    families.add(Metric::sse_sent_lines_total, feed.delivered);
    families.add(Metric::sse_dropped_lines_total, feed.dropped);
    add_web(families, web);
    add_self(families, version);
    return prometheus::TextSerializer().Serialize(families.all);
}

std::string metrics_markdown() {
    std::string out =
        "<!-- Made from userspace/sink/metrics.def by `nstrail-docs metrics`; do not edit. -->\n"
        "# Metrics\n\n"
        "Served at `/metrics` by `nstrail agent`. Labels are drawn from closed sets, so the number "
        "of series does\n"
        "not grow with the host. What is not known is `NaN`. `emitted = delivered + "
        "lost{cause=\"ring\"}` once the ring is "
        "drained.\n\n"
        "| metric | type | labels | meaning |\n|---|---|---|---|\n";
    for (const Declared& one : declared) {
        out += fmt::format("| `{}` | {} | {} | {} |\n", one.name, type_word(one.type),
                           *one.labels == '\0' ? "" : fmt::format("`{}`", one.labels), one.help);
    }
    return out;
}

}  // namespace nstrail
