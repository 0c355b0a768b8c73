// SPDX-License-Identifier: Apache-2.0
// The namespaces that live, by slot and by inode number.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/paged.hpp"
#include "model/task.hpp"

namespace nstrail {

/// What moved the last pid of a pid namespace last.
enum class PidMove : std::uint8_t {
    unknown,     ///< it is as the first snapshot found it
    snapshot,    ///< a snapshot found another one than events had told
    allocation,  ///< alloc_pid gave the next number in turn
    write,       ///< kernel.ns_last_pid was written
    jump,        ///< an allocation in turn that no cursor explains: neither the next, nor a wrap
};
[[nodiscard]] std::string_view pid_move_name(PidMove move);

/// How many tasks refer to a namespace.
struct Population {
    std::uint32_t tasks = 0;          ///< in it, zombies included
    std::uint32_t zombies = 0;        ///< of these, zombies
    std::uint32_t next_children = 0;  ///< whose next child will be in it

    [[nodiscard]] std::uint32_t alive() const { return tasks - zombies; }
    [[nodiscard]] bool operator==(const Population&) const = default;
};

/// What the model keeps of a namespace. Readers use Namespace (view.hpp), a handle on it.
struct NsRecord {
    std::uint32_t inum = 0;  ///< 0 = the slot is free
    std::uint32_t gen = 0;   ///< 1 for the first namespace seen with this inum, then counting
    std::uint64_t id = 0;    ///< the kernel's own id, 0 = it has none
    std::uint64_t key = 0;   ///< joins events; the ns_common, 0 = not yet told
    std::uint64_t first_seen_ns = 0;
    std::uint64_t dying_since_ns = 0;  ///< pid, dying: when its init began to exit, 0 = not seen
    std::uint64_t emptied_ns = 0;      ///< when its last task left it, 0 = not seen
    std::uint64_t pids_told_ns = 0;    ///< pid: when pids_used was read
    std::uint64_t last_moved_ns = 0;   ///< pid: when last_pid changed, 0 = not seen
    std::uint64_t told_pids = 0;  ///< pid: bit n: the allocation of last_pid - n was told lately
    NsType type = NST_ns_type_none;
    std::uint32_t parent = 0;  ///< inum; pid and user only
    std::uint32_t owner = 0;   ///< inum of the owning user namespace
    std::uint32_t level = 0;
    std::uint32_t creator_uid = 0;
    std::uint32_t creator_tid = 0;  ///< who made it, 0 = not known
    std::uint32_t references =
        0;                       ///< ns_common's count when a snapshot last told it, 0 = not known
    std::uint32_t last_pid = 0;  ///< pid: the cursor minus one
    std::uint32_t last_pid_round = 0;  ///< last snapshot during which a live event told it
    std::uint32_t mover_tid = 0;       ///< pid: who moved last_pid, 0 = not known
    std::uint32_t pids_used = 0;       ///< pid: numbers in use in it when a snapshot last told
    std::uint32_t told_reaper = 0;  ///< pid: its child_reaper when a snapshot last told, 0 = none
    std::uint32_t pid_max = 0;      ///< pid: limit of its own, 0 = the system's
    std::uint32_t init_tgid = 0;    ///< pid: thread group that is number 1 in it, 0 = not known
    std::uint32_t zapper_tid = 0;  ///< pid, dying: the thread of its init that waits for the others
    std::uint32_t task_sets = 0;   ///< sets of tasks in it, zombies included; 0 = it has none
    std::uint32_t child_sets = 0;  ///< sets of tasks whose next child will be in it
    std::uint32_t first_place = 0;  ///< of Sets: where the list of these sets begins, 0 = none
    std::uint32_t seen_round = 0;
    std::uint32_t next_free = 0;  ///< of the slab
    Comm creator_comm{};
    Comm mover_comm{};
    PidMove last_move = PidMove::unknown;
    std::uint8_t unsettled = 0;  ///< pid: allocations after a write that are taken at face value
    bool facts : 1 = false;      ///< a namespace event told parent, owner and level
    bool born : 1 = false;       ///< its birth was seen
    bool dying : 1 = false;      ///< pid: its init is exiting, or its first fork failed
    bool certain : 1 = true;     ///< false: its end may have been lost
    bool last_pid_known : 1 = false;
    bool pids_used_known : 1 = false;
};

/// Copies cost nothing (see PagedTable). One writer.
class NsTable {
public:
    using Index = std::uint32_t;

    [[nodiscard]] const NsRecord* find(std::uint32_t inum) const {
        const Index slot = by_inum_[inum].slot;
        return slot == 0 ? nullptr : &slots_[slot];
    }
    /// The same for the writer, who asks for few namespaces again and again.
    [[nodiscard]] const NsRecord* look(std::uint32_t inum) {
        const Index slot = slot_of(inum);
        return slot == 0 ? nullptr : &slots_[slot];
    }
    /// For writing; null if no such namespace lives.
    [[nodiscard]] NsRecord* edit(std::uint32_t inum) {
        const Index slot = slot_of(inum);
        return slot == 0 ? nullptr : &slots_.at(slot);
    }
    /// A new record under that inum, of the next generation. Precondition: none lives there.
    NsRecord& create(std::uint32_t inum) {
        const auto [slot, made] = slots_.allocate();
        known_[inum % known_.size()] = {.inum = inum, .slot = slot};
        Entry& entry = by_inum_.at(inum);
        entry.slot = slot;
        made.inum = inum;
        made.gen = ++entry.gen;
        return made;
    }
    /// How many namespaces were seen with that number before: the next is of the generation after.
    void seen_before(std::uint32_t inum, std::uint32_t generations) {
        by_inum_.at(inum).gen = generations;
    }
    /// f(inum, generations) for each number that was in use and is not now.
    template <class F>
    void each_past(F&& f) const {
        by_inum_.each([&](std::uint32_t inum, const Entry& entry) {
            if (entry.slot == 0 && entry.gen != 0) {
                f(inum, entry.gen);
            }
        });
    }
    /// Precondition: one lives there.
    void remove(std::uint32_t inum) {
        known_[inum % known_.size()] = {};
        const Index slot = std::exchange(by_inum_.at(inum).slot, 0);
        slots_.release(slot, slots_.at(slot));
    }
    [[nodiscard]] std::uint32_t size() const { return slots_.size(); }
    [[nodiscard]] std::uint64_t bytes() const { return slots_.bytes(); }
    /// f(const NsRecord&) for all that live, in the order of their slots.
    template <class F>
    void each(F&& f) const {
        each(1, last() + 1, f);
    }
    /// The same for the slots of a range.
    template <class F>
    void each(Index from, Index until, F&& f) const {
        for (Index slot = from; slot < until; slot++) {
            if (const NsRecord& one = slots_[slot]; one.inum != 0) {
                f(one);
            }
        }
    }
    /// No slot beyond this one is in use.
    [[nodiscard]] Index last() const { return slots_.last(); }

private:
    struct Entry {
        Index slot = 0;
        std::uint32_t gen = 0;
    };
    // Where the latest that the writer asked for are: as a rule the next is one of them.
    struct Known {
        std::uint32_t inum = 0;
        Index slot = 0;
    };
    [[nodiscard]] Index slot_of(std::uint32_t inum) {
        Known& known = known_[inum % known_.size()];
        if (known.inum != inum) [[unlikely]] {
            known = {.inum = inum, .slot = by_inum_[inum].slot};
        }
        return known.slot;
    }
    std::array<Known, 64> known_{};
    Slab<NsRecord, 4> slots_;
    PagedTable<Entry, 10, 10, 12> by_inum_;
};

}  // namespace nstrail
