// SPDX-License-Identifier: Apache-2.0
// The lines of a stream as a filter sees them: events with what the model knows of their tasks, and
// what the rules found.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "event/filter.hpp"
#include "model/world.hpp"
#include "rules/finding.hpp"
#include "rules/notable.hpp"
#include "sink/besides.hpp"

namespace nstrail {

/// Filter::parse() with the rules and notables that there are.
[[nodiscard]] Result<Filter> parse_filter(std::string_view text);

/// What no filter takes away: `session` says what the stream could have told, `gap` what it lost.
[[nodiscard]] constexpr bool always_passes(Kind kind) {
    return kind == NST_KIND_session || kind == NST_KIND_gap;
}

/// One line. Uses the World as it is right after the event; what it was made of must outlive it.
/// Whatever an event itself says of its task is taken from there, the rest from the model.
class LineFacts final : public FilterFacts {
public:
    LineFacts(Besides& besides, const Event& event, const Change& change);
    LineFacts(Besides& besides, const Finding& finding);
    LineFacts(Besides& besides, const Remark& remark);

    [[nodiscard]] const Event* event() const override { return event_; }
    [[nodiscard]] std::uint32_t kind() const override { return kind_; }
    void numbers(FilterField field, FilterNumbers& to) const override;
    [[nodiscard]] FilterText text(FilterField field) const override;

private:
    struct Reader;

    void find_record(const Change& change);
    void take(const nst_task_ref& task, std::string_view comm);
    void add_slot(Slot slot, FilterNumbers& to) const;
    void add_level(FilterNumbers& to) const;
    [[nodiscard]] const Whereabouts* whereabouts() const;

    Besides& besides_;
    const Event* event_ = nullptr;
    const Change* change_ = nullptr;
    std::uint32_t kind_ = 0;
    std::uint64_t at_boot_ns_ = 0;

    // What the line itself says.
    std::array<const nst_task_ref*, 2> tasks_{};  ///< whom it is about
    const nst_task_ref* actor_ = nullptr;
    std::optional<std::uint32_t> actor_tid_;
    std::array<const nst_ns_set*, 2> sets_{};  ///< of the task; two are before and after
    bool before_unknown_ = false;
    std::array<std::uint32_t, 3> users_{};  ///< its user namespaces
    std::uint32_t mnt_ = 0;                 ///< a mount namespace
    std::uint32_t pid_namespace_ = 0;       ///< a pid namespace
    std::uint32_t inum_ = 0;                ///< the namespace that it is about
    NsType type_ = NST_ns_type_none;        ///< its type, if that is known
    std::optional<std::uint32_t> level_;
    nst_pid_nr innermost_{};
    std::uint32_t outermost_nr_ = 0;
    std::uint32_t levels_ = 0;
    std::string_view comm_;
    std::string_view container_;
    std::string_view rule_;
    std::string_view notable_;

    const TaskRecord* record_ = nullptr;  ///< of the task, as the model has it
    /// If that took the record away, of which then only what it holds itself is good.
    const Change* released_ = nullptr;
};

/// Whether a line is wanted; without a filter each is.
[[nodiscard]] inline bool wanted(const std::optional<Filter>& filter, Besides& besides,
                                 const Event& event, const Change& change) {
    return !filter || always_passes(event.kind()) ||
           filter->matches(LineFacts(besides, event, change));
}
template <class T>  // Finding or Remark
[[nodiscard]] bool wanted(const std::optional<Filter>& filter, Besides& besides, const T& found) {
    return !filter || filter->matches(LineFacts(besides, found));
}

}  // namespace nstrail
