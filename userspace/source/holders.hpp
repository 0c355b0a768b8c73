// SPDX-License-Identifier: Apache-2.0
// The agent's own part of a round that tells what holds namespaces: bind mounts of nsfs, which no
// iterator of the kernel shows, read from the mount tables of tasks.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include <dirent.h>

#include "base/result.hpp"
#include "source/made.hpp"
#include "source/mountinfo.hpp"

namespace nstrail {

/// Which namespaces the stream has told, so that only others are looked up by their mounts: what
/// the kernel tells of a namespace is more than what its file does.
class KnownNamespaces {
public:
    /// Every event passes here.
    void take(const Event& event);

    [[nodiscard]] bool contains(std::uint32_t inum) const { return all_.contains(inum); }
    /// Mount namespaces that this round found held by something; they may have no task.
    [[nodiscard]] const std::set<std::uint32_t>& held_mount_namespaces() const { return held_; }
    [[nodiscard]] std::uint32_t snapshot_round() const { return snapshot_round_; }

private:
    std::unordered_set<std::uint32_t> all_;
    std::set<std::uint32_t> held_;
    std::uint32_t snapshot_round_ = 0;
};

/// Tells that there is a place that could not be looked at: `what` names it and says why. `mnt` is
/// the mount namespace whose mounts they are, if it is that.
void tell_unreadable(std::uint32_t round, std::string_view what, const TellMade& tell,
                     std::uint32_t mnt = 0);

/// Tells the bind mounts of nsfs in every mount namespace that a task is in, and what it could not
/// look at.
class MountScan {
public:
    /// `known` must live as long as this, and be told what this tells.
    MountScan(std::uint32_t round, const KnownNamespaces& known);

    /// One bounded step. False: there is nothing left to do.
    [[nodiscard]] bool step(const TellMade& tell);

private:
    /// A task that sees the mounts of a namespace.
    struct Viewer {
        std::uint32_t tid = 0;
        std::uint32_t tgid = 0;
        bool whole = false;  ///< its root is that of the namespace, so it sees all of them
    };
    struct DirectoryCloser {
        void operator()(DIR* directory) const { closedir(directory); }
    };

    void scan_tasks();
    void look_at_task(const Viewer& task);
    void read_table(std::uint32_t mnt, const std::vector<Viewer>& viewers, const TellMade& tell);
    void tell_mounts(std::uint32_t mnt, const Viewer& viewer, std::string_view table,
                     const TellMade& tell);
    void tell_mounts_unreadable(std::uint32_t mnt, std::string_view why,
                                const TellMade& tell) const;
    void tell_rest(const TellMade& tell);

    std::uint32_t round_;
    const KnownNamespaces& known_;
    std::unique_ptr<DIR, DirectoryCloser> processes_;
    std::string no_processes_;                              ///< why /proc could not be read
    std::vector<Viewer> waiting_;                           ///< tasks still to be looked at
    std::map<std::uint32_t, std::vector<Viewer>> viewers_;  ///< by mount namespace
    std::set<std::uint32_t> seen_;                          ///< mount namespaces with tasks
    std::size_t refused_ = 0;  ///< tasks whose mount namespace may not be looked at
    int refusal_ = 0;          ///< errno
};

}  // namespace nstrail
