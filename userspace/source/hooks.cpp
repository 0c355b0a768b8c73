// SPDX-License-Identifier: Apache-2.0
#include "source/hooks.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "base/fd.hpp"

namespace nstrail {

namespace {

struct BtfCloser {
    void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, BtfCloser>;

std::string reason_of(int code) {
    return fail("", code < 0 ? -code : code).error().why;
}

/// An empty program of the given kind; its descriptor, or a negative errno.
int load_empty(bpf_prog_type type, bpf_attach_type attach, std::uint32_t btf_id) {
    const bpf_insn instructions[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = BPF_REG_0,
         .src_reg = 0,
         .off = 0,
         .imm = 0},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    };
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    options.expected_attach_type = attach;
    options.attach_btf_id = btf_id;
    const int fd = bpf_prog_load(type, "nstrail_probe", "GPL", instructions,
                                 std::size(instructions), &options);
    return fd < 0 ? -errno : fd;
}

/// Loads, and where asked attaches, an empty program; 0 or a negative errno.
int try_traced(bpf_attach_type attach, std::uint32_t btf_id, bool attach_too) {
    const int number = load_empty(BPF_PROG_TYPE_TRACING, attach, btf_id);
    if (number < 0) {
        return number;
    }
    const Fd program(number);
    if (!attach_too || attach == BPF_TRACE_ITER) {
        return 0;
    }
    // Before 5.15 tracing programs are attached through raw_tracepoint_open; it still works
    // everywhere.
    const Fd link(bpf_raw_tracepoint_open(nullptr, program.get()));
    return link ? 0 : -errno;
}

/// The functions that kprobes may be placed on; empty if the kernel does not tell.
const std::set<std::string, std::less<>>& kprobe_functions() {
    static const std::set<std::string, std::less<>> functions = [] {
        std::set<std::string, std::less<>> found;
        std::ifstream symbols("/proc/kallsyms");
        std::string address;
        std::string type;
        std::string name;
        std::string rest;
        while (symbols >> address >> type >> name && std::getline(symbols, rest)) {
            if (type == "t" || type == "T") {
                found.insert(name);
            }
        }
        return found;
    }();
    return functions;
}

struct Trial {
    Way way = Way::none;
    std::string reason;
    std::string mend;
};

Trial try_function(const btf* types, const HookInfo& hook, const ProbeOptions& options) {
    const std::string target(hook.target);
    Trial trial;
    if (options.choice != HookChoice::kprobe) {
        const int id = btf__find_by_name_kind(types, target.c_str(), BTF_KIND_FUNC);
        if (id < 0) {
            trial.reason = fmt::format("this kernel has no function {} to attach to", target);
        } else {
            const auto attach = hook.point == "ENTRY" ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
            const int code =
                try_traced(attach, static_cast<std::uint32_t>(id), options.trial_attach);
            if (code == 0) {
                return {.way = Way::fentry, .reason = {}, .mend = {}};
            }
            trial.reason =
                fmt::format("{} on {} refused: {}", hook.point == "ENTRY" ? "fentry" : "fexit",
                            target, reason_of(code));
        }
    } else {
        trial.reason = "kprobes were asked for";
    }
    if (options.choice == HookChoice::full) {
        trial.mend = "allow another way with --hooks auto";
        return trial;
    }
    const bool pmu = access("/sys/bus/event_source/devices/kprobe/type", R_OK) == 0;
    if (!pmu) {
        trial.reason += ", and it has no kprobes";
        trial.mend =
            "needs a kernel with CONFIG_KPROBES=y or one that allows fentry; until then the "
            "reduced mode";
    } else if (!kprobe_functions().contains(target)) {
        trial.reason += ", and no symbol of that name";
    } else {
        trial.way = Way::kprobe;
    }
    return trial;
}

Trial try_tracepoint(const btf* types, const HookInfo& hook, const ProbeOptions& options) {
    const std::string type = fmt::format("btf_trace_{}", hook.target);
    const int id = btf__find_by_name_kind(types, type.c_str(), BTF_KIND_TYPEDEF);
    if (id < 0) {
        return {.way = Way::none,
                .reason = fmt::format("this kernel has no tracepoint {}", hook.target),
                .mend = {}};
    }
    const int code =
        try_traced(BPF_TRACE_RAW_TP, static_cast<std::uint32_t>(id), options.trial_attach);
    if (code != 0) {
        return {
            .way = Way::none,
            .reason = fmt::format("tp_btf on {} refused: {}", hook.target, reason_of(code)),
            .mend = "needs CAP_BPF and CAP_PERFMON, and a kernel that allows tracing tracepoints"};
    }
    return {.way = Way::tracepoint, .reason = {}, .mend = {}};
}

Trial try_iterator(const btf* types, const HookInfo& hook) {
    const std::string function = fmt::format("bpf_iter_{}", hook.target);
    const int id = btf__find_by_name_kind(types, function.c_str(), BTF_KIND_FUNC);
    const int code =
        id < 0 ? -ENOENT : try_traced(BPF_TRACE_ITER, static_cast<std::uint32_t>(id), false);
    if (code != 0) {
        return {.way = Way::none,
                .reason = fmt::format("the {} iterator is not available: {}", hook.target,
                                      reason_of(code)),
                .mend = "needs Linux 5.8 or newer"};
    }
    return {.way = Way::iterator, .reason = {}, .mend = {}};
}

bool has_capability(unsigned bit) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    if (syscall(SYS_capget, &header, data) != 0) {
        return false;
    }
    return (data[bit / 32].effective & (1U << (bit % 32))) != 0;
}

}  // namespace

std::string_view way_name(Way way) {
    switch (way) {
        case Way::fentry:
            return "fentry";
        case Way::kprobe:
            return "kprobe";
        case Way::tracepoint:
            return "tracepoint";
        case Way::iterator:
            return "iterator";
        case Way::none:
            break;
    }
    return "none";
}

Way next_way(Way failed, HookChoice choice) {
    return failed == Way::fentry && choice == HookChoice::automatic ? Way::kprobe : Way::none;
}

const std::array<HookInfo, NST_HOOK_end>& hook_infos() {
    static const std::array<HookInfo, NST_HOOK_end> infos = [] {
        std::array<HookInfo, NST_HOOK_end> all{};
#define HOOK(number, name, point, target, help, without) \
    all[number] = {NST_HOOK_##name, #name, #point, target, help, without};
#include "wire/hooks.def"
        return all;
    }();
    return infos;
}

std::uint64_t HookPlan::bits_where(bool (*holds)(const HookState&)) const {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < hooks.size(); i++) {
        bits |= holds(hooks[i]) ? 1ULL << i : 0;
    }
    return bits;
}

std::uint64_t HookPlan::attached() const {
    return bits_where([](const HookState& hook) { return hook.way != Way::none; });
}

std::uint64_t HookPlan::silent() const {
    return bits_where([](const HookState& hook) {
        return hook.way != Way::none && hook.exercised && !hook.fired;
    });
}

std::uint64_t HookPlan::uncounted() const {
    return bits_where([](const HookState& hook) { return hook.uncounted; });
}

// The three hooks without which the story of lifetimes has holes.
static constexpr nst_hook full_story[] = {NST_HOOK_alloc_pid, NST_HOOK_release_task,
                                          NST_HOOK_switch_namespaces};

nst_attach_mode HookPlan::mode() const {
    const bool full = std::ranges::all_of(
        full_story, [this](nst_hook hook) { return hooks[hook].way != Way::none; });
    if (full) {
        return NST_attach_mode_full;
    }
    return hooks[NST_HOOK_task_newtask].way != Way::none ? NST_attach_mode_reduced
                                                         : NST_attach_mode_none;
}

bool HookPlan::live_possible() const {
    return hindrance(HookChoice::automatic) == nullptr;
}

const HookState* HookPlan::hindrance(HookChoice choice) const {
    std::vector<nst_hook> needed = {NST_HOOK_iter_task};
    if (choice != HookChoice::snapshot) {
        needed.insert(needed.begin(), {NST_HOOK_task_newtask, NST_HOOK_sched_process_exit});
    }
    if (choice == HookChoice::full || choice == HookChoice::kprobe) {
        needed.insert(needed.end(), std::begin(full_story), std::end(full_story));
    }
    for (const nst_hook hook : needed) {
        if (hooks[hook].way == Way::none) {
            return &hooks[hook];
        }
    }
    return nullptr;
}

Result<void> check_basics() {
    const bool admin = has_capability(CAP_SYS_ADMIN);
    if (!admin && !(has_capability(CAP_BPF) && has_capability(CAP_PERFMON))) {
        return fail("load BPF programs",
                    "this process has neither CAP_SYS_ADMIN nor CAP_BPF with CAP_PERFMON",
                    "run it as root, e.g. with sudo");
    }
    // The task iterator shows the tasks of the opener's pid namespace alone; the rest of the host
    // would look empty.
    constexpr ino_t initial_pid_namespace = 0xEFFFFFFCU;  // PROC_PID_INIT_INO
    struct stat own{};
    if (stat("/proc/self/ns/pid", &own) != 0) {
        return fail("look at this process's pid namespace (/proc/self/ns/pid)", errno,
                    "mount /proc");
    }
    if (own.st_ino != initial_pid_namespace) {
        return fail(
            "trace this host",
            "this process is in a pid namespace below the initial one and could see only that",
            "run it in the initial pid namespace (a container needs the host's, e.g. --pid=host)");
    }
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
        return fail("read the kernel's type information (/sys/kernel/btf/vmlinux)", errno,
                    "needs a kernel built with CONFIG_DEBUG_INFO_BTF=y and /sys mounted");
    }
    return {};
}

Result<HookPlan> probe_hooks(const ProbeOptions& options) {
    const Btf types(btf__load_vmlinux_btf());
    if (!types) {
        return fail("read the kernel's type information", errno, "needs CONFIG_DEBUG_INFO_BTF=y");
    }
    HookPlan plan;
    for (const HookInfo& hook : hook_infos()) {
        Trial trial;
        if (hook.point == "ITERATOR") {
            trial = try_iterator(types.get(), hook);
        } else if (options.choice == HookChoice::snapshot) {
            trial.reason = "only a snapshot was asked for";
        } else if (hook.point == "TRACEPOINT") {
            trial = try_tracepoint(types.get(), hook, options);
        } else if (options.choice == HookChoice::tracepoint) {
            trial.reason = "only tracepoints were asked for";
        } else {
            trial = try_function(types.get(), hook, options);
        }
        plan[hook.id] = {.way = trial.way, .reason = trial.reason, .mend = trial.mend};
    }
    HookState& syscalls = plan[NST_HOOK_sys_exit];
    if (!options.exact_switches && syscalls.way != Way::none) {
        syscalls = {
            .way = Way::none,
            .reason = "it would cost every system call of the host, so it is taken on request only",
            .mend = "--exact-switches"};
    } else if (plan[NST_HOOK_switch_namespaces].way != Way::none && syscalls.way != Way::none) {
        syscalls = {
            .way = Way::none, .reason = "not needed: switch_namespaces is attached", .mend = {}};
    }
    return plan;
}

}  // namespace nstrail
