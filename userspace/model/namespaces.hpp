// SPDX-License-Identifier: Apache-2.0
// The births and deaths of namespaces, told apart although inode numbers are used again.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "model/account.hpp"
#include "model/key_index.hpp"
#include "model/ns_table.hpp"
#include "model/sharded.hpp"

namespace nstrail {

/// The writer of an NsTable.
class Namespaces {
public:
    /// `orphaned` is called with the first place of each namespace that ends while tasks refer to
    /// it: they must not be taken for tasks of the next one that gets the number.
    Namespaces(NsTable& table, Account& account, std::function<void(std::uint32_t)> orphaned)
        : table_(table), account_(account), orphaned_(std::move(orphaned)) {}

    /// The living namespace of that inum, or null.
    [[nodiscard]] NsRecord* edit(std::uint32_t inum) { return table_.edit(inum); }
    [[nodiscard]] const NsRecord* look(std::uint32_t inum) { return table_.look(inum); }
    [[nodiscard]] const NsRecord* find(std::uint32_t inum) const { return table_.find(inum); }

    /// The living namespace of that inum and type, made known if it is not. An inum that lives with
    /// another type means that its end and rebirth were not seen.
    NsRecord& meet(std::uint32_t inum, NsType type, std::uint64_t boot_ns) {
        NsRecord* known = edit(inum);
        return known != nullptr && known->type == type ? *known : meet_new(inum, type, boot_ns);
    }
    /// How many have ended so far.
    [[nodiscard]] std::uint64_t ends() const { return ends_; }
    /// What a namespace event tells. A kernel id or key other than the known one means a new
    /// namespace. `newer`: its last pid is newer than the known one.
    NsRecord& learn(const nst_namespace& facts, std::uint64_t boot_ns, bool newer);
    /// The namespace known by that inum is the one that the event is about, as far as can be told.
    [[nodiscard]] bool knows(const nst_namespace& facts);

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
    /// What is first met meanwhile was there before the trace began.
    void meeting_old(bool now) { meeting_old_ = now; }
    /// A snapshot is complete: what is met from now on was not there before, and what the hooks
    /// still owed from before it was lost.
    void synchronized() {
        synchronized_ = true;
        twins_due_.clear();
    }

    /// Another session begins: none is known any more, but how often each number was used is.
    /// Precondition: no task refers to any.
    void begin_again();

private:
    struct Candidate {
        std::uint64_t key;
        std::uint64_t boot_ns;
        std::uint32_t creator_tid;
        Comm creator_comm;
    };
    void learn_counts(NsRecord& one, const nst_namespace& facts, std::uint64_t boot_ns, bool newer);
    NsRecord& meet_new(std::uint32_t inum, NsType type, std::uint64_t boot_ns);
    NsRecord& create(std::uint32_t inum, NsType type, std::uint64_t boot_ns);
    void remove(const NsRecord& ns);

    NsTable& table_;
    Account& account_;
    std::function<void(std::uint32_t)> orphaned_;
    std::uint64_t ends_ = 0;
    ShardedMap<std::uint32_t, Candidate, 4> candidates_;
    // Frees told by the entry hook (or implied) whose exit twin is still to come.
    KeyIndex<std::uint32_t, std::uint32_t, 4> twins_due_;
    bool synchronized_ = false;
    bool meeting_old_ = false;
};

}  // namespace nstrail
