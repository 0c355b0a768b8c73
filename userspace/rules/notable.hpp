// SPDX-License-Identifier: Apache-2.0
// What breaks no rule and is worth a look all the same: where security meets lifetimes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "model/container.hpp"
#include "model/world.hpp"

namespace nstrail {

enum class Notable : std::uint8_t {
    escape,       ///< setns from inside a container into an ancestor or an initial namespace
    chosen_pids,  ///< numbers chosen by set_tid or kernel.ns_last_pid, not by a checkpoint tool
    empty,        ///< a namespace without tasks for longer than it should be
    stuck,        ///< a pid namespace whose end takes longer than it should
    end
};
inline constexpr std::size_t notable_count = static_cast<std::size_t>(Notable::end);
[[nodiscard]] std::string_view notable_name(Notable what);
/// For documentation: one sentence.
[[nodiscard]] std::string_view notable_help(Notable what);

struct NotableOptions {
    std::array<bool, notable_count> on{true, true, true, true};
    std::uint64_t empty_after_ns = 600'000'000'000;
    std::uint64_t stuck_after_ns = 30'000'000'000;
    /// Names of programs that may choose pids (comm).
    std::vector<std::string> checkpoint_tools = {"criu"};

    [[nodiscard]] bool wants(Notable what) const { return on[static_cast<std::size_t>(what)]; }
};

/// "escape,stuck", "none" or "all" into options.on.
[[nodiscard]] Result<void> parse_notables(const std::string& text, NotableOptions& to);

struct Remark {
    Notable what = Notable::escape;
    std::uint64_t at_boot_ns = 0;
    nst_task_ref task{};  ///< who did it; all 0 = nobody known
    std::string comm;
    std::string container;  ///< the task's, by its cgroup; empty = none known
    NsType ns_type = NST_ns_type_none;
    std::uint32_t ns_inum = 0;
    std::uint32_t ns_gen = 0;
    std::string because;                   ///< one sentence, without a full stop
    std::optional<Transition> transition;  ///< escape: the sets before and after
    std::uint64_t count = 1;               ///< the same of the same task or namespace, folded
    std::uint64_t last_boot_ns = 0;
};

/// All that was noticed.
struct Notices {
    std::deque<Remark> remarks;  ///< folded, in the order of their first; the oldest go
    std::array<std::uint64_t, notable_count> counts{};
};

/// A function of the events, like the rules; the time is that of the events. One thread.
class Lookout {
public:
    explicit Lookout(NotableOptions options) : options_(std::move(options)) {}

    /// After the model has taken the event in.
    void take(const Event& event, const Change& change, const World& world) {
        if (!news_.empty()) {
            news_.clear();
        }
        // Of the others there are many.
        if ((looked_at >> event.kind() & 1) != 0) {
            look(event, change, world);
        }
    }
    /// What the latest event brought.
    [[nodiscard]] std::span<const Remark> news() const { return news_; }
    [[nodiscard]] const Notices& notices() const { return notices_; }

private:
    static constexpr std::uint64_t looked_at =
        std::uint64_t{1} << NST_KIND_session | std::uint64_t{1} << NST_KIND_ns_kept |
        std::uint64_t{1} << NST_KIND_ns_switch | std::uint64_t{1} << NST_KIND_alloc_pid |
        std::uint64_t{1} << NST_KIND_ns_last_pid | std::uint64_t{1} << NST_KIND_mark;
    static_assert(NST_KIND_end <= 64);
    void look(const Event& event, const Change& change, const World& world);
    void switched(const nst_ns_switch& e, const Change& change, const World& world);
    void chosen(const nst_task_ref& actor, std::uint32_t ns, std::string because, std::uint64_t at,
                const World& world);
    void look_around(std::uint64_t now, const World& world);
    void tell(Remark remark, const World& world);
    [[nodiscard]] Whereabouts where(const TaskRecord& task, const World& world);

    NotableOptions options_;
    std::vector<Remark> news_;
    Notices notices_;
    // The remarks that are kept, by whom and what they are about: how many came before.
    using Fold = std::tuple<Notable, std::uint32_t, std::uint64_t, std::uint32_t, std::uint32_t>;
    [[nodiscard]] static Fold fold_of(const Remark& remark);
    std::map<Fold, std::uint64_t> folds_;
    std::uint64_t gone_ = 0;       // remarks that are kept no more
    std::uint32_t next_slot_ = 1;  // of the namespaces, where the walk goes on
    // Until then none of them is too old, which a walk over all has shown.
    std::uint64_t quiet_until_ = 0;
    // Namespaces that were told, by inum: their generation, and which of the two it was.
    std::unordered_map<std::uint32_t, std::uint32_t> told_empty_;
    std::unordered_map<std::uint32_t, std::uint32_t> told_stuck_;
};

}  // namespace nstrail
