// SPDX-License-Identifier: Apache-2.0
// A round that tells what holds namespaces besides tasks: a mark, the open files of all tasks by
// the kernel's iterator, the mounts by /proc, a mark.
#pragma once

#include <optional>
#include <string>

#include <nstrail.skel.h>

#include "source/holders.hpp"
#include "source/iterator.hpp"
#include "source/ring.hpp"

namespace nstrail {

class HoldersRound {
public:
    /// All must live as long as this. `files` is the attached file iterator, or null, and
    /// `why_no_files` says why.
    HoldersRound(nstrail_bpf& programs, const Ring& ring, const KnownNamespaces& known,
                 const bpf_link* files, std::string why_no_files)
        : programs_(programs),
          ring_(ring),
          known_(known),
          files_(files),
          why_no_files_(std::move(why_no_files)),
          round_(programs.bss->holders_round) {}

    /// Learns what it needs to know pidfds by. Before any round, while this process may still
    /// attach programs.
    void prepare();
    void request() { at_ = At::begin; }
    [[nodiscard]] bool running() const { return at_ != At::idle; }

    /// One bounded step, while it runs. Where something cannot be looked at the round tells so and
    /// goes on.
    void step(const TellMade& tell);

private:
    enum class At : std::uint8_t { idle, begin, files, catching_up, mounts };

    void begin(const TellMade& tell);
    [[nodiscard]] Result<void> learn_pidfds();
    void tell_mark(nst_mark_what what, const TellMade& tell) const;

    nstrail_bpf& programs_;
    const Ring& ring_;
    const KnownNamespaces& known_;
    const bpf_link* files_;
    std::string why_no_files_;
    std::string why_no_pidfds_;  ///< empty = they are known
    At at_ = At::idle;
    std::uint32_t round_;
    Iterator iterator_;
    std::uint64_t files_end_ = 0;  ///< ring position behind what the iterator told
    std::optional<MountScan> mounts_;
};

}  // namespace nstrail
