// SPDX-License-Identifier: Apache-2.0
#include "sink/metrics.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "event/reflect.hpp"

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
    bool counter;
    const char* label;
    const char* help;
};

constexpr bool is_counter(std::string_view type) {
    return type == "COUNTER";
}

constexpr Declared declared[] = {
#define METRIC(name, type, label, help) {"nstrail_" #name, is_counter(#type), label, help},
#include "sink/metrics.def"
};

struct Families {
    std::vector<MetricFamily> all{std::size(declared)};

    Families() {
        for (std::size_t i = 0; i < all.size(); i++) {
            all[i].name = declared[i].name;
            all[i].help = declared[i].help;
            all[i].type = declared[i].counter ? MetricType::Counter : MetricType::Gauge;
        }
    }
    void add(Metric metric, std::string_view label, double value) {
        const auto index = static_cast<std::size_t>(metric);
        ClientMetric sample;
        if (*declared[index].label != '\0') {
            sample.label.push_back({.name = declared[index].label, .value = std::string(label)});
        }
        (declared[index].counter ? sample.counter.value : sample.gauge.value) = value;
        all[index].metric.push_back(std::move(sample));
    }
    void add(Metric metric, std::string_view label, std::uint64_t value) {
        add(metric, label, static_cast<double>(value));
    }
    void add(Metric metric, std::uint64_t value) { add(metric, "", value); }

    template <std::size_t n>
    void by_type(Metric metric, const std::array<std::uint64_t, n>& values) {
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
    to.add(Metric::tasks_born_total, account.tasks_born);
    to.add(Metric::tasks_exited_total, account.tasks_exited);
    to.add(Metric::tasks_released_total, account.tasks_released);
    to.add(Metric::tasks_dropped_total, account.tasks_dropped);
    to.add(Metric::forks_failed_total, account.forks_failed);
    to.by_value(Metric::switches_total, Format::ENUM_switch_via, account.switches);
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

void add_state(Families& to, const View& view) {
    std::array<std::uint64_t, NST_ns_type_end> alive{};
    std::array<std::uint64_t, NST_ns_type_end> empty{};
    std::array<std::uint64_t, 4> states{};
    for (const Namespace& ns : view.namespaces()) {
        const NsState state = ns.state();
        alive[ns.type()]++;
        empty[ns.type()] += state == NsState::empty ? 1 : 0;
        if (ns.type() == NST_ns_type_pid) {
            states[static_cast<std::size_t>(state)]++;
        }
    }
    to.by_type(Metric::namespaces, alive);
    to.by_type(Metric::namespaces_without_tasks, empty);
    for (const NsState state : {NsState::alive, NsState::dying, NsState::zapping, NsState::empty}) {
        to.add(Metric::pid_namespaces, ns_state_name(state),
               states[static_cast<std::size_t>(state)]);
    }
    std::array<std::uint64_t, 3> tasks{};
    for (const Task& task : view.tasks()) {
        tasks[static_cast<std::size_t>(task.state())]++;
    }
    for (const TaskState state : {TaskState::alive, TaskState::exiting, TaskState::zombie}) {
        to.add(Metric::tasks, task_state_name(state), tasks[static_cast<std::size_t>(state)]);
    }
    to.add(Metric::certain, std::uint64_t{view.certain()});
}

void add_self(Families& to, const std::string& version) {
    to.add(Metric::build_info, version, std::uint64_t{1});
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    to.add(Metric::process_cpu_seconds_total, "",
           seconds(usage.ru_utime) + seconds(usage.ru_stime));
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    statm >> size >> resident;
    to.add(Metric::process_resident_memory_bytes,
           resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
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
                         const Notices& notices, const FeedFigures& feed,
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
    add_state(families, view);
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
    families.add(Metric::sse_clients, feed.clients);
    families.add(Metric::sse_client_limit, std::uint64_t{EventFeed::most_clients});
    families.add(Metric::sse_refused_clients_total, feed.refused);
    families.add(Metric::sse_sent_lines_total, feed.delivered);
    families.add(Metric::sse_dropped_lines_total, feed.dropped);
    add_self(families, version);
    return prometheus::TextSerializer().Serialize(families.all);
}

std::string metrics_markdown() {
    std::string out =
        "<!-- Made from userspace/sink/metrics.def by `nstrail-docs metrics`; do not edit. -->\n"
        "# Metrics\n\n"
        "Served at `/metrics` by `nstrail agent`. Labels are drawn from closed sets, so the number "
        "of series does\n"
        "not grow with the host. `emitted = delivered + lost{cause=\"ring\"}` once the ring is "
        "drained.\n\n"
        "| metric | type | label | meaning |\n|---|---|---|---|\n";
    for (const Declared& one : declared) {
        out += fmt::format("| `{}` | {} | {} | {} |\n", one.name, one.counter ? "counter" : "gauge",
                           *one.label == '\0' ? "" : fmt::format("`{}`", one.label), one.help);
    }
    return out;
}

}  // namespace nstrail
