// SPDX-License-Identifier: Apache-2.0
// The live source: BPF programs on this kernel, one ring, exact loss, snapshots into the same ring.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "source/hooks.hpp"
#include "source/source.hpp"

namespace nstrail {

struct LiveOptions {
    ProbeOptions hooks;
    std::size_t ring_bytes = 8U << 20;  ///< a power of two, at least a page
    bool canary = true;
    /// Folder of a BPF file system where the programs stay attached when this ends, and whoever
    /// comes next finds them; empty = they end with this.
    std::string pins;
};

/// What an earlier agent left attached (LiveOptions::pins), and this one has.
struct TakenOver {
    std::size_t programs = 0;
    std::uint64_t waiting_bytes = 0;  ///< in the ring, of what happened meanwhile
    bool whole = false;  ///< that one kept all it took: this stream goes on with its stream
};

/// What the kernel side counted, for checking the books from outside:
/// emitted == delivered + lost, once the ring is empty.
struct LiveCounts {
    std::uint64_t emitted = 0;    ///< records that programs tried to write
    std::uint64_t dropped = 0;    ///< of these, found the ring full
    std::uint64_t delivered = 0;  ///< records handed on
    std::uint64_t lost = 0;       ///< records that gap events account for
    std::uint64_t misses = 0;     ///< program runs skipped as recursive, all programs
    std::uint64_t damaged = 0;    ///< records that did not decode
    std::size_t ring_bytes = 0;
    std::size_t ring_high_water = 0;  ///< most bytes seen waiting
};

/// What the kernel counted of a BPF program while kernel.bpf_stats_enabled was 1.
struct ProgramRuns {
    std::string name;
    std::uint64_t runs = 0;
    std::uint64_t ns = 0;
};

class LiveSource final : public Source {
public:
    /// Probes, loads and attaches everything behind a closed gate, opens the gate, runs the canary.
    /// The first event delivered is the session; then request_snapshot() makes the world known.
    /// Fails with one clear line where not even the reduced mode works.
    [[nodiscard]] static Result<std::unique_ptr<LiveSource>> open(const LiveOptions& options);
    ~LiveSource() override;

    [[nodiscard]] Result<std::size_t> poll(const EventHandler& handle) override;
    /// Reads what there is and tells what was lost of it, which poll() does from time to time.
    /// After two of these all that came before is known to be complete.
    void audit(const EventHandler& handle);
    [[nodiscard]] bool ended() const override { return false; }

    /// Starts telling all tasks into the ring, in steps made by poll(). While one or a round of
    /// holders runs, another is not started. After the first one without loss the executables of
    /// the processes it told are looked up, in task_exe events.
    [[nodiscard]] Result<void> request_snapshot();
    [[nodiscard]] bool snapshot_running() const;

    /// Starts telling what holds namespaces besides tasks, between the marks holders_begin and
    /// holders_end, in steps made by poll(): open files, sockets, pidfds, then bind mounts. Not
    /// started while another round of either kind runs. A gap between the marks may have taken some
    /// of it.
    void request_holders();
    [[nodiscard]] bool holders_running() const;
    /// Executables are still to be told, by poll().
    [[nodiscard]] bool executables_pending() const;

    /// Nothing where all programs were loaded anew.
    [[nodiscard]] const std::optional<TakenOver>& taken_over() const;
    /// Says to whoever takes over that all that was delivered is kept. The last call.
    void hand_over();

    /// Whether the kernel lets this process go on asking its programs, as poll() does.
    [[nodiscard]] bool answers() const;
    /// The commands of bpf(2) that this takes, once it is open.
    [[nodiscard]] static std::span<const int> commands();

    /// How long to sleep before the next poll(): short while much arrives, long when nothing does.
    [[nodiscard]] std::chrono::milliseconds pause() const;

    [[nodiscard]] const HookPlan& plan() const;
    [[nodiscard]] LiveCounts counts() const;
    /// Of each program that is attached, as of the last audit. The kernel keeps only 15 characters
    /// of their names; these are whole.
    [[nodiscard]] std::vector<ProgramRuns> program_runs() const;

private:
    struct State;
    explicit LiveSource(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace nstrail
