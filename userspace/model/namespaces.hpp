// SPDX-License-Identifier: Apache-2.0
// The namespaces that live, under identities that survive the reuse of inode numbers.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/account.hpp"
#include "model/task.hpp"

namespace nstrail {

struct Namespace {
    std::uint32_t inum = 0;
    std::uint32_t gen = 0;  ///< 1 for the first namespace seen with this inum, then counting
    std::uint64_t id = 0;   ///< the kernel's own id, 0 = it has none
    std::uint64_t key = 0;  ///< joins events; the ns_common, 0 = not yet told
    NsType type = NST_ns_type_none;
    bool facts = false;        ///< a namespace event told parent, owner and level
    bool born = false;         ///< its birth was seen
    bool dying = false;        ///< pid: the last thread of its init is exiting
    bool certain = true;       ///< false: its end may have been lost
    std::uint32_t parent = 0;  ///< inum; pid and user only
    std::uint32_t owner = 0;   ///< inum of the owning user namespace
    std::uint32_t level = 0;
    std::uint32_t creator_uid = 0;
    std::uint32_t last_pid = 0;  ///< pid: the cursor
    bool last_pid_known = false;
    std::uint32_t last_pid_round = 0;  ///< last snapshot during which a live event told it
    std::uint32_t init_tgid = 0;       ///< pid: thread group that is number 1 in it, 0 = not known
    std::uint32_t zapper_tid = 0;  ///< pid, dying: the thread of its init that waits for the others
    std::uint32_t tasks = 0;       ///< tasks in it, zombies included
    std::uint32_t zombies = 0;     ///< of these, zombies
    std::uint32_t children_slots = 0;  ///< tasks whose next child will be in it
    std::uint64_t first_seen_ns = 0;
    std::uint32_t creator_tid = 0;  ///< who made it, 0 = not known
    std::array<char, 16> creator_comm{};
    std::uint32_t seen_round = 0;
};

/// Owned by the World, which is its only caller.
class Namespaces {
public:
    /// `orphaned` is called with the inum of each namespace that ends while tasks refer to it: they
    /// must not be taken for tasks of the next one that gets the number.
    Namespaces(Account& account, std::function<void(std::uint32_t)> orphaned)
        : account_(account), orphaned_(std::move(orphaned)) {}

    /// The living namespace of that inum, or null.
    [[nodiscard]] Namespace* find(std::uint32_t inum);
    [[nodiscard]] const Namespace* find(std::uint32_t inum) const;

    /// The living namespace of that inum and type, made known if it is not. An inum that lives with
    /// another type means that its end and rebirth were not seen.
    Namespace& meet(std::uint32_t inum, NsType type, std::uint64_t boot_ns);
    /// What a namespace event tells. A kernel id or key other than the known one means a new
    /// namespace. `newer`: its last pid is newer than the known one.
    Namespace& learn(const nst_namespace& facts, std::uint64_t boot_ns, bool newer);
    /// The namespace known by that inum is the one that the event is about, as far as can be told.
    [[nodiscard]] bool knows(const nst_namespace& facts) const;

    /// An inum was given out: a namespace in the making, or a procfs entry. Until a task or a fact
    /// names it nobody can tell.
    void allocated(const nst_inum_alloc& event, std::string_view creator);
    /// An inum was given back, told by one of the pair of hooks. Returns whether this is news, and
    /// not the twin of what was told already.
    bool freed(const nst_inum_free& event, bool pair_attached);
    /// Nothing known refers to it, and its end cannot be seen.
    void forget(std::uint32_t inum);

    /// A task was cloned with a flag that makes this namespace new: as good as allocated(), where
    /// that is not hooked. Must come before the namespace is met; one that is known by that inum is
    /// gone.
    void cloned(std::uint32_t inum, std::uint64_t boot_ns, std::uint32_t creator_tid,
                std::string_view creator);
    /// The first snapshot is complete: what is met from now on was not there before.
    void synchronized(bool now) { synchronized_ = now; }

    template <class F>
    void each(F&& f) {
        for (Namespace& one : slots_) {
            if (one.inum != 0) {
                f(one);
            }
        }
    }
    template <class F>
    void each(F&& f) const {
        for (const Namespace& one : slots_) {
            if (one.inum != 0) {
                f(one);
            }
        }
    }

private:
    struct Candidate {
        std::uint64_t key;
        std::uint64_t boot_ns;
        std::uint32_t creator_tid;
        std::array<char, 16> creator_comm;
    };
    Namespace& create(std::uint32_t inum, NsType type, std::uint64_t boot_ns);
    void remove(Namespace& gone);

    Account& account_;
    std::function<void(std::uint32_t)> orphaned_;
    std::deque<Namespace> slots_;  // addresses stay; inum 0 = free
    std::vector<std::uint32_t> free_;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> live_;  // inum → slot
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> generations_;
    boost::unordered_flat_map<std::uint32_t, Candidate> candidates_;
    // Frees told by the entry hook (or implied) whose exit twin is still to come.
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> twins_due_;
    bool synchronized_ = false;
};

}  // namespace nstrail
