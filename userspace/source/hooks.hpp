// SPDX-License-Identifier: Apache-2.0
// What this kernel and these privileges allow, hook by hook, found by trying.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "event/event.hpp"

namespace nstrail {

/// How a hook is attached, best first.
enum class Way : std::uint8_t { fentry, kprobe, tracepoint, iterator, none };
[[nodiscard]] std::string_view way_name(Way way);

/// What the user asked for with --hooks.
enum class HookChoice : std::uint8_t {
    automatic,   ///< the best way each hook allows
    full,        ///< fentry and fexit, or nothing
    kprobe,      ///< kprobes and kretprobes in their place
    tracepoint,  ///< the reduced mode
    snapshot,    ///< the task iterator alone
};

/// The best way left for a hook that loaded and did not attach in the way that failed, within what
/// was asked for.
[[nodiscard]] Way next_way(Way failed, HookChoice choice);

/// A hook as hooks.def declares it.
struct HookInfo {
    nst_hook id;
    std::string_view name;
    std::string_view point;   ///< ENTRY, EXIT, TRACEPOINT, ITERATOR
    std::string_view target;  ///< kernel function, tracepoint or iterator
    std::string_view help;
    std::string_view without;  ///< what nobody can see when it is missing
};
[[nodiscard]] const std::array<HookInfo, NST_HOOK_end>& hook_infos();

struct HookState {
    Way way = Way::none;
    std::string
        reason;  ///< why it is not attached the best way, or not at all; empty = nothing to say
    std::string mend;        ///< what would help
    bool exercised = false;  ///< the canary did what should make it fire
    bool fired = false;      ///< and it did
    bool uncounted = false;  ///< it may miss calls that the kernel does not count
};

/// One state for each hook.
struct HookPlan {
    std::array<HookState, NST_HOOK_end> hooks;

    [[nodiscard]] HookState& operator[](nst_hook id) { return hooks[id]; }
    [[nodiscard]] const HookState& operator[](nst_hook id) const { return hooks[id]; }
    /// Bits of the hooks that are attached; of those that the canary exercised in vain; of those
    /// that may miss calls uncounted.
    [[nodiscard]] std::uint64_t attached() const;
    [[nodiscard]] std::uint64_t silent() const;
    [[nodiscard]] std::uint64_t uncounted() const;
    /// Attached and not silent: what a rule may rest on.
    [[nodiscard]] std::uint64_t working() const { return attached() & ~silent(); }
    [[nodiscard]] nst_attach_mode mode() const;
    /// Births and exits are seen, and the snapshot works: live tracing is possible.
    [[nodiscard]] bool live_possible() const;
    /// The first hook without which what was asked for cannot be done, or null.
    [[nodiscard]] const HookState* hindrance(HookChoice choice) const;

private:
    [[nodiscard]] std::uint64_t bits_where(bool (*holds)(const HookState&)) const;
};

struct ProbeOptions {
    HookChoice choice = HookChoice::automatic;
    bool exact_switches = false;  ///< take sys_exit in the reduced mode
    bool trial_attach =
        false;  ///< also attach each probe program, as doctor does, and not only load it
};

/// Fails, with one clear line, where nothing can work at all: no privilege, a nested pid namespace,
/// no BTF.
[[nodiscard]] Result<void> check_basics();

/// Tries every hook with an empty program. Needs check_basics() to have passed.
[[nodiscard]] Result<HookPlan> probe_hooks(const ProbeOptions& options);

}  // namespace nstrail
