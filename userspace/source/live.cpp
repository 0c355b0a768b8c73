// SPDX-License-Identifier: Apache-2.0
#include "source/live.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <nstrail.skel.h>

#include "base/fd.hpp"
#include "source/audit_marks.hpp"
#include "source/canary.hpp"
#include "source/holders.hpp"
#include "source/holders_round.hpp"
#include "source/iterator.hpp"
#include "source/left_out.hpp"
#include "source/libbpf_log.hpp"
#include "source/link.hpp"
#include "source/loss.hpp"
#include "source/pinned.hpp"
#include "source/processes.hpp"
#include "source/ring.hpp"

namespace nstrail {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// fentry programs are skipped while one of their kind runs on the same CPU; a consumer that the
// ring wakes runs into just that window. So nothing wakes us: we look, often when there is much,
// rarely when not.
constexpr milliseconds shortest_pause{1};
// Reading every program's recursion_misses takes a system call each.
constexpr milliseconds audit_every{250};

struct SkeletonCloser {
    void operator()(nstrail_bpf* skeleton) const { nstrail_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<nstrail_bpf, SkeletonCloser>;

/// The programs a hook needs for a way. Some exits need an entry program as well: to keep the
/// arguments for a kretprobe, or what the function is about to change.
std::vector<std::string> programs_of(const HookInfo& hook, Way way) {
    const std::string name(hook.name);
    const bool exit = hook.point == "EXIT";
    switch (way) {
        case Way::fentry:
            return exit ? std::vector{name + "_fentry", name + "_fexit"}
                        : std::vector{name + "_fentry"};
        case Way::kprobe:
            return exit ? std::vector{name + "_kprobe", name + "_kretprobe"}
                        : std::vector{name + "_kprobe"};
        case Way::tracepoint:
            return {name + "_tp"};
        case Way::iterator:
            return {name + "_iter"};
        case Way::none:
            break;
    }
    return {};
}

/// How often the function was called and the kprobe of this link did not come to its program, since
/// another kprobe was running on that CPU: a soft interrupt may come between. The kernel skips
/// these before it looks at the program, whose recursion_misses do not have them. Nothing if the
/// kernel, older than 6.7, does not tell (bpf_link_info.perf_event.kprobe.missed).
std::optional<std::uint64_t> kprobe_misses(int link) {
    struct {
        std::uint32_t type, id, program, padding;
        std::uint32_t event_type, event_padding;
        std::uint64_t function_name;
        std::uint32_t name_length, offset;
        std::uint64_t address, missed;
    } info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link, &info, &size) != 0 || size < sizeof(info)) {
        return std::nullopt;
    }
    return info.missed;
}

std::uint64_t hits_of(const std::vector<nst_cpu_stats>& cpus, nst_hook hook) {
    return std::accumulate(
        cpus.begin(), cpus.end(), std::uint64_t{0},
        [hook](std::uint64_t sum, const nst_cpu_stats& cpu) { return sum + cpu.hits[hook]; });
}

std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// What a thread's life puts into the ring.
std::size_t bytes_of_a_life(nst_attach_mode mode) {
    constexpr std::size_t reduced = sizeof(nst_task_new) + sizeof(nst_pid_nr) +
                                    sizeof(nst_task_exit) + sizeof(nst_task_free) +
                                    (std::size_t{3} * NST_RING_WORD);
    constexpr std::size_t full = reduced + sizeof(nst_alloc_pid) + sizeof(nst_pid_request) +
                                 sizeof(nst_ns_switch) + sizeof(nst_task_release) +
                                 sizeof(nst_free_pid) + sizeof(nst_pid_nr) +
                                 (std::size_t{4} * NST_RING_WORD);
    return mode == NST_attach_mode_full ? full : reduced;
}

/// How long a ring that is looked at rarely may be left alone: as long as it has room for all CPUs
/// creating and ending threads at once, out of the blue, within limits.
milliseconds longest_pause(std::size_t ring_bytes, nst_attach_mode mode) {
    constexpr std::size_t lives_in_a_ms = 46;  // of one CPU: docs/PERFORMANCE.md
    const auto cpus = static_cast<std::size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    const milliseconds bridged(ring_bytes / (bytes_of_a_life(mode) * lives_in_a_ms * cpus));
    return std::clamp(bridged, milliseconds(60), milliseconds(250));
}

/// Tells what these options make of the programs from whatever else may be pinned.
std::uint64_t made_of(const LiveOptions& options) {
    std::size_t size = 0;
    const void* object = nstrail_bpf__elf_bytes(&size);
    const std::string how =
        fmt::format("{} {} {} {}", options.ring_bytes, static_cast<int>(options.hooks.choice),
                    options.hooks.exact_switches, sizeof(Handover));
    return XXH3_64bits_withSeed(how.data(), how.size(), XXH3_64bits(object, size));
}

}  // namespace

struct LiveSource::State {
    HookPlan plan;
    std::optional<Pins> pins;
    std::optional<TakenOver> taken_over;
    std::vector<Fd> taken_programs;
    Skeleton skeleton;
    struct Program {
        nst_hook hook;
        int fd;
        int link;  ///< owned by `links` or an iterator
        Way way;
        ProgramRuns runs;
        std::uint64_t skipped = 0;  // runs so far, when that was last read
    };
    std::vector<Program> programs;
    std::vector<Link> links;
    std::optional<Ring> ring;
    LeftOut left_out;
    LossTracker loss;
    LossAudit loss_audit;
    LiveCounts counts;
    Link task_iterator;
    Iterator snapshot;
    std::uint32_t round = 0;
    Executables executables;
    KnownNamespaces known;
    Link file_iterator;
    std::optional<HoldersRound> holders;
    bool session_told = false;
    Clock::time_point audited = Clock::now();
    AuditMarks marks{audited};
    std::uint64_t session_id = 0;
    std::uint64_t continues = 0;
    std::uint64_t emitted_before = 0;  // told by whoever had the programs before
    std::uint64_t dropped_before = 0;
    std::uint64_t ran_by_then = 0;      // programs at hooks, by the last audit
    std::uint64_t emitted_by_then = 0;  // and records, those of snapshots among them
    milliseconds pause = shortest_pause;
    milliseconds longest = shortest_pause;

    [[nodiscard]] std::vector<nst_cpu_stats> read_stats() const {
        std::vector<nst_cpu_stats> all(
            static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus())));
        const std::uint32_t zero = 0;
        if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.stats), &zero, all.data()) != 0) {
            all.clear();
        }
        return all;
    }

    Result<void> load(std::size_t ring_bytes);
    static Result<std::unique_ptr<State>> start(HookPlan plan, const LiveOptions& options);
    Result<void> attach(HookChoice choice);
    void add(nst_hook hook, Way way, const std::string& name, int program, Link link);
    Result<void> take_over();
    void go_on();
    Result<void> pin(std::uint64_t what);
    Result<void> exercise();
    void deliver(const EventHandler& handle, const Event& event);
    [[nodiscard]] TellMade teller(const EventHandler& handle);
    void tell_session(const EventHandler& handle);
    void tell_gap(const EventHandler& handle, nst_gap_cause cause, std::uint32_t where,
                  std::uint64_t lost);
    std::size_t drain(const EventHandler& handle);
    struct Side;
    void read_runs(Program& program) const;
    void audit(const EventHandler& handle);
};

Result<void> LiveSource::State::load(std::size_t ring_bytes) {
    skeleton.reset(nstrail_bpf__open());
    if (!skeleton) {
        return fail("open the BPF programs", errno);
    }
    for (const HookInfo& hook : hook_infos()) {
        for (const std::string& name : programs_of(hook, plan[hook.id].way)) {
            bpf_program* program = bpf_object__find_program_by_name(skeleton->obj, name.c_str());
            // Only some exit hooks have a part at the entry.
            if (program != nullptr) {
                bpf_program__set_autoload(program, true);
            }
        }
    }
    bpf_map__set_value_size(skeleton->maps.ring,
                            static_cast<std::uint32_t>(Ring::bytes_of_map(ring_bytes)));
    skeleton->rodata->ring_mask = ring_bytes - 1;
    std::uint64_t secrets[2] = {};
    if (getrandom(secrets, sizeof(secrets), 0) != sizeof(secrets)) {
        return fail("draw the keys that hide kernel addresses", errno);
    }
    skeleton->rodata->key_xor = secrets[0];
    skeleton->rodata->key_mul = secrets[1] | 1;
    skeleton->rodata->exit_namespaces_hooked = plan[NST_HOOK_exit_namespaces].way != Way::none;
    skeleton->rodata->nr_setns = SYS_setns;
    skeleton->rodata->nr_unshare = SYS_unshare;
    const int code = nstrail_bpf__load(skeleton.get());
    if (code != 0) {
        const std::string log = take_libbpf_log();
        if (getenv("NSTRAIL_BPF_LOG") != nullptr) {
            std::fputs(log.c_str(), stderr);
        }
        return std::unexpected(load_failure(-code, log));
    }
    auto mapped = Ring::map(bpf_map__fd(skeleton->maps.ring), ring_bytes);
    if (!mapped) {
        return std::unexpected(mapped.error());
    }
    ring.emplace(std::move(*mapped));
    counts.ring_bytes = ring_bytes;
    return {};
}

/// Attaches all or, failing with one hook, marks that one for the next best way that was asked for
/// and says so.
Result<void> LiveSource::State::attach(HookChoice choice) {
    for (const HookInfo& hook : hook_infos()) {
        HookState& state = plan[hook.id];
        for (const std::string& name : programs_of(hook, state.way)) {
            bpf_program* program = bpf_object__find_program_by_name(skeleton->obj, name.c_str());
            if (program == nullptr) {
                continue;
            }
            Link link(bpf_program__attach(program));
            if (!link) {
                const int code = errno;
                state.reason =
                    fmt::format("attaching {} failed: {}", name, fail("", code).error().why);
                if (state.way == Way::fentry && choice == HookChoice::full) {
                    state.mend = "allow another way with --hooks auto";
                }
                state.way = next_way(state.way, choice);
                return fail(fmt::format("attach {}", name), code);
            }
            const int link_fd = bpf_link__fd(link.get());
            if (state.way == Way::kprobe && !state.uncounted && !kprobe_misses(link_fd)) {
                state.uncounted = true;
                state.reason += "; this kernel does not count the calls that its kprobes miss";
            }
            add(hook.id, state.way, name, bpf_program__fd(program), std::move(link));
        }
    }
    return {};
}

void LiveSource::State::add(nst_hook hook, Way way, const std::string& name, int program,
                            Link link) {
    programs.push_back({.hook = hook,
                        .fd = program,
                        .link = bpf_link__fd(link.get()),
                        .way = way,
                        .runs = {.name = name}});
    if (hook == NST_HOOK_iter_task) {
        task_iterator = std::move(link);
    } else if (hook == NST_HOOK_iter_task_file) {
        file_iterator = std::move(link);
    } else {
        links.push_back(std::move(link));
    }
}

/// Has all that is pinned, as it was loaded and attached by whoever did.
Result<void> LiveSource::State::take_over() {
    const auto failed = [this](const std::string& file) {
        return fail("take over " + file, errno,
                    "remove " + pins->path() + ", which ends the programs that are pinned there");
    };
    skeleton.reset(nstrail_bpf__open());
    if (!skeleton) {
        return fail("open the BPF programs", errno);
    }
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton->obj) {
        const std::string file = pins->map(bpf_map__name(map));
        const Fd pinned(bpf_obj_get(file.c_str()));
        if (!pinned || bpf_map__reuse_fd(map, pinned.get()) != 0) {
            return failed(file);
        }
    }
    // No program is loaded, and all maps are there: this maps what they share with us.
    if (nstrail_bpf__load(skeleton.get()) != 0) {
        return failed(pins->path());
    }
    auto mapped = Ring::map(bpf_map__fd(skeleton->maps.ring),
                            bpf_map__value_size(skeleton->maps.ring) - Ring::bytes_of_map(0));
    if (!mapped) {
        return std::unexpected(mapped.error());
    }
    ring.emplace(std::move(*mapped));
    for (const HookInfo& hook : hook_infos()) {
        HookState& state = plan[hook.id];
        const Way way{pins->handover()->ways[hook.id]};
        if (state.way != way) {
            state.way = way;
            state.reason = "as it was when the programs were loaded";
        }
        for (const std::string& name : programs_of(hook, way)) {
            if (bpf_object__find_program_by_name(skeleton->obj, name.c_str()) == nullptr) {
                continue;
            }
            Fd program(bpf_obj_get(pins->program(name).c_str()));
            Link link(program ? bpf_link__open(pins->link(name).c_str()) : nullptr);
            if (!link) {
                return failed(pins->link(name));
            }
            state.uncounted = way == Way::kprobe && !kprobe_misses(bpf_link__fd(link.get()));
            add(hook.id, way, name, program.get(), std::move(link));
            taken_programs.push_back(std::move(program));
        }
    }
    go_on();
    return {};
}

/// Where the last one stopped.
void LiveSource::State::go_on() {
    Handover& left = *pins->handover();
    const bool whole = left.whole != 0;
    taken_over = {.programs = programs.size(), .waiting_bytes = ring->fill(), .whole = whole};
    continues = whole ? left.session : 0;
    left.whole = 0;
    left.session = session_id;
    round = skeleton->bss->snapshot_round;
    const auto next = left.next(pins->cpus());
    const auto cpus = read_stats();
    for (std::size_t cpu = 0; cpu < std::min(cpus.size(), next.size()); cpu++) {
        // Of the numbers, which wrap, the kernel's count says how often they did.
        const std::uint64_t emitted = cpus[cpu].emitted;
        emitted_before += emitted - (static_cast<std::uint32_t>(emitted) - next[cpu]);
    }
    dropped_before = left.dropped;
}

/// From now on they stay when this ends.
Result<void> LiveSource::State::pin(std::uint64_t what) {
    const auto keep = [](int fd, const std::string& file) -> Result<void> {
        return bpf_obj_pin(fd, file.c_str()) == 0 ? Result<void>{} : fail("pin " + file, errno);
    };
    Result<void> kept;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton->obj) {
        kept = kept ? keep(bpf_map__fd(map), pins->map(bpf_map__name(map))) : kept;
    }
    for (const Program& program : programs) {
        kept = kept ? keep(program.fd, pins->program(program.runs.name)) : kept;
        kept = kept ? keep(program.link, pins->link(program.runs.name)) : kept;
    }
    Handover handover{};
    handover.made_of = what;
    handover.session = session_id;
    for (const HookInfo& hook : hook_infos()) {
        handover.ways[hook.id] = static_cast<std::uint8_t>(plan[hook.id].way);
    }
    kept = kept ? pins->complete(handover) : kept;
    if (!kept) {
        [[maybe_unused]] const auto cleared = pins->clear();
        return kept;
    }
    // libbpf would switch a kprobe off as it lets go of it.
    for (const Link& link : links) {
        bpf_link__disconnect(link.get());
    }
    return {};
}

Result<void> LiveSource::State::exercise() {
    const auto before = read_stats();  // what was taken over has fired long since
    const auto exercised = run_canary();
    if (!exercised) {
        return std::unexpected(exercised.error());
    }
    for (const HookInfo& hook : hook_infos()) {
        plan[hook.id].exercised =
            plan[hook.id].way != Way::none && (*exercised >> hook.id & 1) != 0;
    }
    // sched_process_free waits for an RCU grace period, a user namespace for a work queue.
    for (int tries = 0; tries < 100; tries++) {
        const auto stats = read_stats();
        bool all = true;
        for (const HookInfo& hook : hook_infos()) {
            plan[hook.id].fired = hits_of(stats, hook.id) != hits_of(before, hook.id);
            all = all && (plan[hook.id].fired || !plan[hook.id].exercised);
        }
        if (all) {
            break;
        }
        std::this_thread::sleep_for(milliseconds(5));
    }
    return {};
}

/// Loads and attaches all that the plan has.
Result<std::unique_ptr<LiveSource::State>> LiveSource::State::start(HookPlan plan,
                                                                    const LiveOptions& options) {
    // A hook that loads and does not attach is tried the next best way; each such step takes one
    // way from one hook, so this ends.
    for (;;) {
        if (const HookState* missing = plan.hindrance(options.hooks.choice); missing != nullptr) {
            return fail("trace this kernel", missing->reason,
                        "see `nstrail doctor`, or trace a virtual machine with `scripts/run --vm`");
        }
        auto state = std::make_unique<State>();
        state->plan = std::move(plan);
        if (auto loaded = state->load(options.ring_bytes); !loaded) {
            return std::unexpected(loaded.error());
        }
        if (state->attach(options.hooks.choice)) {
            return state;
        }
        plan = std::move(state->plan);
    }
}

Result<std::unique_ptr<LiveSource>> LiveSource::open(const LiveOptions& options) {
    if (auto basics = check_basics(); !basics) {
        return std::unexpected(basics.error());
    }
    capture_libbpf_log();
    std::optional<Pins> pins;
    if (!options.pins.empty()) {
        auto opened = Pins::open(options.pins);
        if (!opened) {
            return std::unexpected(opened.error());
        }
        pins.emplace(std::move(*opened));
    }
    auto plan = probe_hooks(options.hooks);
    if (!plan) {
        return std::unexpected(plan.error());
    }
    const bool take_over =
        pins && pins->handover() != nullptr && pins->handover()->made_of == made_of(options);
    std::unique_ptr<State> state;
    if (take_over) {
        state = std::make_unique<State>();
        state->plan = std::move(*plan);
    } else {
        // What another version left, or was left half done, ends here.
        if (auto cleared = pins ? pins->clear() : Result<void>{}; !cleared) {
            return std::unexpected(cleared.error());
        }
        auto started = State::start(std::move(*plan), options);
        if (!started) {
            return std::unexpected(started.error());
        }
        state = std::move(*started);
    }
    if (getrandom(&state->session_id, sizeof(state->session_id), 0) != sizeof(state->session_id)) {
        return fail("draw the number of this session", errno);
    }
    if (pins) {
        state->pins.emplace(std::move(*pins));
        if (auto kept = take_over ? state->take_over() : state->pin(made_of(options)); !kept) {
            return std::unexpected(kept.error());
        }
        Handover& handover = *state->pins->handover();
        state->loss.keep_in(handover.next(state->pins->cpus()));
        state->loss_audit.keep_in(handover.skipped);
    }
    state->holders.emplace(*state->skeleton, *state->ring, state->known, state->file_iterator.get(),
                           state->plan[NST_HOOK_iter_task_file].reason);
    state->holders->prepare();
    state->longest = longest_pause(state->ring->size(), state->plan.mode());
    state->skeleton->bss->gate_open = 1;
    if (options.canary) {
        if (auto proved = state->exercise(); !proved) {
            return std::unexpected(proved.error());
        }
    }
    return std::unique_ptr<LiveSource>(new LiveSource(std::move(state)));
}

LiveSource::LiveSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
LiveSource::~LiveSource() = default;

/// Hands an event on, after what this floor itself wants to know of it.
void LiveSource::State::deliver(const EventHandler& handle, const Event& event) {
    executables.take(event);
    known.take(event);
    handle(event);
}

TellMade LiveSource::State::teller(const EventHandler& handle) {
    return [this, &handle](const EventBuffer& buffer) { deliver(handle, *buffer.event()); };
}

void LiveSource::State::tell_session(const EventHandler& handle) {
    nst_session session{};
    session.hooks = plan.attached();
    session.silent_hooks = plan.silent();
    session.uncounted_hooks = plan.uncounted();
    session.wall_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
    session.mode = plan.mode();
    session.pid_max = static_cast<nst_u32>(
        std::strtoul(first_line("/proc/sys/kernel/pid_max").c_str(), nullptr, 10));
    copy_text(session.boot_id, first_line("/proc/sys/kernel/random/boot_id"));
    session.id = session_id;
    session.continues = continues;
    utsname names{};
    uname(&names);
    copy_text(session.release, names.release);
    tell_made(teller(handle), session);
}

void LiveSource::State::tell_gap(const EventHandler& handle, nst_gap_cause cause,
                                 std::uint32_t where, std::uint64_t lost) {
    nst_gap gap{};
    gap.lost = lost;
    gap.cause = cause;
    gap.where = where;
    counts.lost += cause == NST_gap_cause_ring ? lost : 0;
    tell_made(teller(handle), gap);
}

std::size_t LiveSource::State::drain(const EventHandler& handle) {
    counts.ring_high_water = std::max<std::size_t>(counts.ring_high_water, ring->fill());
    const auto& initial = *reinterpret_cast<const nst_ns_set*>(skeleton->bss->initial_sets[1]);
    const std::size_t count = ring->consume([&](std::span<const std::byte> record) {
        const auto event = Event::decode(left_out.put_back(record, initial));
        if (!event) {
            counts.damaged++;
            tell_gap(handle, NST_gap_cause_damage, 0, 1);
            return;
        }
        loss.arrived(event->header().cpu, event->header().seq, [&] { return ring->produced(); });
        counts.delivered++;
        marks.delivered(*event);
        deliver(handle, *event);
    });
    for (const auto& lost : loss.settle(ring->consumed())) {
        tell_gap(handle, NST_gap_cause_ring, lost.cpu, lost.count);
    }
    return count;
}

/// A live source as LossAudit wants it.
struct LiveSource::State::Side {
    State& state;
    const EventHandler& handle;
    const std::vector<nst_cpu_stats>& cpus;
    bool ran;  // a program at a hook did, or may not have ended yet

    [[nodiscard]] LossAudit::Counted counted() const {
        LossAudit::Counted counted{.skipped = {}, .cpus = cpus};
        for (Program& program : state.programs) {
            if (ran) {
                state.read_runs(program);
            }
            counted.skipped.push_back(program.skipped);
        }
        return counted;
    }
    [[nodiscard]] std::uint64_t produced() const { return state.ring->produced(); }
    [[nodiscard]] std::uint64_t consumed() const { return state.ring->consumed(); }
    void drain() const { state.drain(handle); }
    void skipped(std::size_t program, std::uint64_t runs) const {
        state.counts.misses += runs;
        state.tell_gap(handle, NST_gap_cause_recursion, state.programs[program].hook, runs);
    }
    void lost(std::uint32_t cpu, std::uint64_t records) const {
        state.tell_gap(handle, NST_gap_cause_ring, cpu, records);
    }
};

/// Keeps what the kernel says of the program's runs, and of those that it skipped.
void LiveSource::State::read_runs(Program& program) const {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(program.fd, &info, &size) != 0) {
        return;
    }
    program.runs.runs = info.run_cnt;
    program.runs.ns = info.run_time_ns;
    const bool kprobe = program.way == Way::kprobe;
    program.skipped =
        info.recursion_misses + (kprobe ? kprobe_misses(program.link).value_or(0) : 0);
}

void LiveSource::State::audit(const EventHandler& handle) {
    audited = Clock::now();
    const auto cpus = read_stats();
    std::uint64_t runs = 0;
    std::uint64_t emitted = 0;
    std::uint64_t dropped = 0;
    for (const nst_cpu_stats& cpu : cpus) {
        runs = std::accumulate(std::begin(cpu.hits), std::end(cpu.hits), runs);
        emitted += cpu.emitted;
        dropped += cpu.dropped;
    }
    // A run is skipped only while another is at work, which was counted as it began. Before the
    // marks that are due is looked in any case: that one may take its time.
    const bool ran = runs != ran_by_then || marks.due(audited);
    if (!ran && emitted == emitted_by_then && !loss.pending()) {
        return;
    }
    if (loss_audit.close(loss, Side{*this, handle, cpus, ran})) {
        ran_by_then = runs;
        emitted_by_then = emitted;
        counts.emitted = emitted - emitted_before;
        counts.dropped = dropped - dropped_before;
        if (pins) {
            pins->handover()->dropped = dropped;
        }
        // It says that all programs were looked at: where none was, it only became due by what has
        // just been read.
        if (ran && !loss.pending() && marks.due(audited)) {
            marks.told(audited);
            tell_made(teller(handle),
                      nst_mark{.header = {}, .what = NST_mark_what_audited, .round = 0});
        }
    }
}

Result<std::size_t> LiveSource::poll(const EventHandler& handle) {
    State& state = *state_;
    if (!state.session_told) {
        state.session_told = true;
        state.tell_session(handle);
    }
    if (snapshot_running()) {
        if (auto stepped = state.snapshot.step(); !stepped) {
            return std::unexpected(stepped.error());
        }
    } else if (holders_running()) {
        state.holders->step(state.teller(handle));
    } else if (state.executables.pending()) {
        state.executables.step(state.teller(handle));
    }
    const std::uint64_t waiting = state.ring->fill();
    std::size_t count = state.drain(handle);
    const auto since_audit = Clock::now() - state.audited;
    if (since_audit >= audit_every) {
        state.audit(handle);
    }
    // Halve when a sixteenth of the ring had filled up, grow gently when next to nothing came.
    if (waiting > state.ring->size() / 16) {
        state.pause = std::max(shortest_pause, state.pause / 2);
    } else if (waiting < state.ring->size() / 64) {
        state.pause = std::min(state.longest, state.pause + milliseconds(2));
    }
    return count;
}

void LiveSource::audit(const EventHandler& handle) {
    state_->drain(handle);
    state_->audit(handle);
}

Result<void> LiveSource::request_snapshot() {
    State& state = *state_;
    if (snapshot_running() || holders_running()) {
        return {};
    }
    state.skeleton->bss->snapshot_round = ++state.round;
    return state.snapshot.start(state.task_iterator.get());
}

bool LiveSource::snapshot_running() const {
    return state_->snapshot.running();
}

void LiveSource::request_holders() {
    if (!snapshot_running() && !holders_running()) {
        state_->holders->request();
    }
}

bool LiveSource::holders_running() const {
    return state_->holders->running();
}

bool LiveSource::executables_pending() const {
    return state_->executables.pending();
}

const std::optional<TakenOver>& LiveSource::taken_over() const {
    return state_->taken_over;
}

void LiveSource::hand_over() {
    if (state_->pins) {
        state_->pins->handover()->whole = state_->loss.pending() ? 0 : 1;
    }
}

bool LiveSource::answers() const {
    Iterator trial;
    return !state_->read_stats().empty() && trial.start(state_->task_iterator.get()).has_value();
}

std::span<const int> LiveSource::commands() {
    static constexpr int all[] = {BPF_MAP_LOOKUP_ELEM, BPF_OBJ_GET_INFO_BY_FD, BPF_ITER_CREATE};
    return all;
}

milliseconds LiveSource::pause() const {
    if (snapshot_running() || holders_running()) {
        return milliseconds(0);
    }
    return executables_pending() ? shortest_pause : state_->pause;
}

const HookPlan& LiveSource::plan() const {
    return state_->plan;
}

LiveCounts LiveSource::counts() const {
    return state_->counts;
}

std::vector<ProgramRuns> LiveSource::program_runs() const {
    std::vector<ProgramRuns> all;
    all.reserve(state_->programs.size());
    std::ranges::transform(state_->programs, std::back_inserter(all), &State::Program::runs);
    return all;
}

}  // namespace nstrail
