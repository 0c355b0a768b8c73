// SPDX-License-Identifier: Apache-2.0
// A task as the model knows it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "event/event.hpp"

namespace nstrail {

/// The ten places where a task refers to a namespace.
enum class Slot : std::uint8_t {
    mnt,
    uts,
    ipc,
    net,
    cgroup,
    time,
    time_for_children,
    pid_for_children,
    pid,
    user
};
inline constexpr std::size_t slot_count = 10;
inline constexpr std::array<Slot, slot_count> all_slots = {Slot::mnt,
                                                           Slot::uts,
                                                           Slot::ipc,
                                                           Slot::net,
                                                           Slot::cgroup,
                                                           Slot::time,
                                                           Slot::time_for_children,
                                                           Slot::pid_for_children,
                                                           Slot::pid,
                                                           Slot::user};

[[nodiscard]] std::string_view slot_name(Slot slot);
[[nodiscard]] NsType slot_type(Slot slot);
/// The slot is a field of nsproxy, and so empty once that is NULL. The active pid namespace belongs
/// to the struct pid, the user namespace to the credentials.
[[nodiscard]] constexpr bool in_nsproxy(Slot slot) {
    return slot != Slot::pid && slot != Slot::user;
}
/// The slot takes effect for the next child only.
[[nodiscard]] constexpr bool for_children(Slot slot) {
    return slot == Slot::time_for_children || slot == Slot::pid_for_children;
}

/// Namespace inode numbers by slot; 0 = none or unknown.
class NsSet {
public:
    NsSet() = default;
    explicit NsSet(const nst_ns_set& wire);
    [[nodiscard]] std::uint32_t& operator[](Slot slot) {
        return inums_[static_cast<std::size_t>(slot)];
    }
    [[nodiscard]] std::uint32_t operator[](Slot slot) const {
        return inums_[static_cast<std::size_t>(slot)];
    }
    /// Asked with every event, and too short for a call of memcmp().
    [[nodiscard]] bool operator==(const NsSet& other) const {
        using Pairs = std::array<std::uint64_t, slot_count / 2>;
        const auto one = std::bit_cast<Pairs>(inums_);
        const auto two = std::bit_cast<Pairs>(other.inums_);
        std::uint64_t differing = 0;
        for (std::size_t pair = 0; pair < one.size(); pair++) {
            differing |= one[pair] ^ two[pair];
        }
        return differing == 0;
    }
    /// It has all that the other has.
    [[nodiscard]] bool includes(const NsSet& other) const {
        for (std::size_t slot = 0; slot < slot_count; slot++) {
            if (other.inums_[slot] != 0 && other.inums_[slot] != inums_[slot]) {
                return false;
            }
        }
        return true;
    }

private:
    std::array<std::uint32_t, slot_count> inums_{};
};

/// The numbers of a struct pid, outermost namespace first. Up to two are held in place, as few
/// tasks have more; the others are shared by all copies.
class PidVector {
public:
    PidVector() = default;
    explicit PidVector(std::span<const nst_pid_nr> numbers);
    PidVector(const PidVector& other) : near_(other.near_) {
        if (far()) {
            many()->references.fetch_add(1, std::memory_order_relaxed);
        }
    }
    PidVector(PidVector&& other) noexcept : near_(std::exchange(other.near_, {})) {}
    PidVector& operator=(const PidVector& other) {
        PidVector copy(other);
        std::swap(near_, copy.near_);
        return *this;
    }
    PidVector& operator=(PidVector&& other) noexcept {
        std::swap(near_, other.near_);
        return *this;
    }
    ~PidVector() {
        if (!far()) {
            return;
        }
        // Who alone has it need not lock the bus: nobody is there to make another copy.
        std::atomic<std::uint32_t>& references = many()->references;
        if (references.load(std::memory_order_acquire) == 1 ||
            references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            Many::free(many());
        }
    }

    [[nodiscard]] std::span<const nst_pid_nr> span() const {
        if (far()) {
            return many()->numbers();
        }
        return {near_.data(), none(near_[0]) ? 0U : none(near_[1]) ? 1U : 2U};
    }
    [[nodiscard]] std::size_t size() const { return span().size(); }
    /// The number in the active pid namespace; {0, 0} if nothing is known.
    [[nodiscard]] nst_pid_nr innermost() const {
        return span().empty() ? nst_pid_nr{} : span().back();
    }

private:
    /// The numbers lie behind it.
    struct Many {
        [[nodiscard]] static Many* make(std::span<const nst_pid_nr> numbers);
        static void free(Many* many);
        [[nodiscard]] std::span<nst_pid_nr> numbers() {
            return {reinterpret_cast<nst_pid_nr*>(this + 1), count};
        }
        std::atomic<std::uint32_t> references{1};
        std::uint32_t count;
    };
    // In place of the first number: the second is the address of a Many. No kernel gives such one,
    // and a damaged stream's is put into a Many.
    static constexpr nst_pid_nr elsewhere{.pid_namespace = 0, .nr = 0xFFFFFFFF};
    [[nodiscard]] static bool same(const nst_pid_nr& one, const nst_pid_nr& other) {
        return one.pid_namespace == other.pid_namespace && one.nr == other.nr;
    }
    [[nodiscard]] static bool none(const nst_pid_nr& one) { return same(one, {}); }
    [[nodiscard]] bool far() const { return same(near_[0], elsewhere); }
    [[nodiscard]] Many* many() const { return std::bit_cast<Many*>(near_[1]); }

    std::array<nst_pid_nr, 2> near_{};
};

/// A task's name: up to the first zero (comm, TASK_COMM_LEN).
using Comm = std::array<char, 16>;
[[nodiscard]] inline Comm comm_of(const char (&wire)[sizeof(Comm)]) {
    return std::bit_cast<Comm>(wire);
}

enum class TaskState : std::uint8_t {
    alive,
    exiting,  ///< past sched_process_exit
    zombie,   ///< past exit_task_namespaces, not yet released
};
[[nodiscard]] std::string_view task_state_name(TaskState state);

/// What the model keeps of a task. Readers use Task (view.hpp), a handle on it.
struct TaskRecord {
    std::uint64_t key = 0;                ///< joins events; the task_struct
    std::uint64_t start_boottime_ns = 0;  ///< with tid, the identity
    std::uint64_t pid_key = 0;            ///< joins events; the struct pid
    std::uint64_t exited_boot_ns = 0;     ///< 0 = it has not, or that was not seen
    std::uint32_t tid = 0;                ///< in the initial pid namespace
    std::uint32_t tgid = 0;
    std::uint32_t process = 0;     ///< index into the process table
    std::uint32_t set = 0;         ///< index into the table of sets
    std::uint32_t cgroup = 0;      ///< index into the table of cgroups; 0 = as its process
    std::uint32_t tracer = 0;      ///< tgid of its tracer when last told, 0 = none
    std::int32_t exit_code = 0;    ///< valid once exiting
    std::uint32_t seen_round = 0;  ///< last snapshot that told it
    std::uint32_t live_round = 0;  ///< last snapshot during which a live event told of it
    std::uint32_t set_era = 0;     ///< the Engine's, when a live event last told all of its set
    std::uint32_t next_free = 0;   ///< of the slab
    PidVector vpids;
    Comm comm{};
    TaskState state = TaskState::alive;
    bool soft = false;  ///< known by a snapshot only: may be stale
    bool kernel_thread = false;
    std::uint8_t cgroup_moves = 0;  ///< cgroup counts only while the process has as many

    [[nodiscard]] std::string_view name() const { return text_of(comm.data(), comm.size()); }
    [[nodiscard]] bool leader() const { return tid == tgid; }
};

}  // namespace nstrail
