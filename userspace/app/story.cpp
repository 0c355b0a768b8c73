// SPDX-License-Identifier: Apache-2.0
#include "app/story.hpp"

#include <algorithm>
#include <charconv>

#include "app/options.hpp"
#include "event/reflect.hpp"

namespace nstrail {

namespace {

/// Whether an event names a number: a task's tid, or the inode number of a namespace that the event
/// is about (not of one that a task is in).
struct Mention {
    const Hero& hero;
    bool found = false;

    template <class T>
    void number(std::string_view name, T value, Format format) {
        const bool names_it =
            hero.task ? name == "tid" || name == "actor_tid" : format == Format::INUM;
        found = found || (names_it && static_cast<std::uint64_t>(value) == hero.number);
    }
    template <class T>
    void object(std::string_view /*name*/, const T& value, Format /*format*/) {
        if constexpr (std::is_same_v<T, nst_task_ref>) {
            visit_fields(value, *this);
        }
    }
    void text(std::string_view /*name*/, const char* /*chars*/, std::size_t /*size*/) {}
    template <class E>
    void tail(std::string_view /*name*/, std::uint32_t /*count*/) {}
};

}  // namespace

Result<Hero> parse_hero(const std::string& text) {
    constexpr std::uint32_t pid_max_limit = 4 * 1024 * 1024;  // PID_MAX_LIMIT
    Hero hero;
    std::string_view number = text;
    if (const auto at = number.find(":["); at != std::string_view::npos && number.ends_with(']')) {
        const auto types = parse_types(std::string(number.substr(0, at)));
        if (!types || types->size() != 1) {
            return fail("tell of " + text, "there is no such type of namespace");
        }
        hero.type = types->front();
        number = number.substr(at + 2, number.size() - at - 3);
    }
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), hero.number);
    if (error != std::errc{} || end != number.data() + number.size() || hero.number == 0) {
        return fail("tell of " + text, "it is neither a tid nor a namespace",
                    "e.g. 812, 4026532201 or net:[4026532201]");
    }
    hero.task = hero.type == NST_ns_type_none && hero.number < pid_max_limit;
    return hero;
}

StoryTeller::StoryTeller(Replay& replay, const Hero& hero, bool json)
    : replay_(replay),
      hero_(hero),
      printer_(replay.world(), replay.checker(), json),
      about_([this](const nst_task_ref& task, std::uint32_t inum) {
          return (hero_.task ? task.tid : inum) == hero_.number;
      }) {}

Result<void> StoryTeller::step() {
    return replay_.step([this](const Event& event, const Change& change) {
        if (tells(event, change)) {
            printer_.event(event, change);
            told_ += event.kind() == NST_KIND_gap ? 0 : 1;
        }
        printer_.news(event, about_);
    });
}

void StoryTeller::finish() {
    replay_.finish();
    printer_.findings(about_);
}

bool StoryTeller::tells(const Event& event, const Change& change) {
    if (event.kind() == NST_KIND_gap) {
        return true;  // what is missing may have been about anybody
    }
    const bool concerned = hero_.task ? of_task(event, change) : of_namespace(event, change);
    // Rounds tell again and again what is known.
    const bool again = event.kind() == NST_KIND_task_seen || event.kind() == NST_KIND_namespace ||
                       event.kind() == NST_KIND_task_exe || event.kind() == NST_KIND_ns_kept ||
                       event.kind() == NST_KIND_task_kept;
    return concerned && (!again || first(event, change) || change.transition.has_value());
}

bool StoryTeller::mentioned(const Event& event) const {
    Mention mention{.hero = hero_};
    with_fixed_part(event, [&](const auto& fixed) { visit_fields(fixed, mention); });
    return mention.found;
}

bool StoryTeller::of_task(const Event& event, const Change& change) const {
    const auto outermost = [&](const auto& tail) {
        return !tail.empty() && tail.front().nr == hero_.number;
    };
    return mentioned(event) || (change.task != nullptr && change.task->tid == hero_.number) ||
           (event.kind() == NST_KIND_alloc_pid &&
            outermost(event.tail<nst_alloc_pid, nst_pid_request>())) ||
           (event.kind() == NST_KIND_free_pid && outermost(event.tail<nst_free_pid, nst_pid_nr>()));
}

bool StoryTeller::of_namespace(const Event& event, const Change& change) const {
    if (hero_.type != NST_ns_type_none && change.ns != nullptr && change.ns->inum == hero_.number &&
        change.ns->type != hero_.type) {
        return false;
    }
    if (change.transition) {
        for (const Slot slot : all_slots) {
            const bool before = change.transition->before[slot] == hero_.number;
            const bool after = change.transition->after[slot] == hero_.number;
            if (before != after && fits(slot_type(slot))) {
                return true;
            }
        }
    }
    if (event.kind() == NST_KIND_task_new) {
        const NsSet set(event.as<nst_task_new>().ns);
        return std::ranges::any_of(all_slots, [&](Slot slot) {
            return !for_children(slot) && set[slot] == hero_.number && fits(slot_type(slot));
        });
    }
    return mentioned(event) && (event.kind() != NST_KIND_cred_user_ns || fits(NST_ns_type_user));
}

bool StoryTeller::fits(NsType type) const {
    return hero_.type == NST_ns_type_none || hero_.type == type;
}

/// Of that kind, about one that had the number.
bool StoryTeller::first(const Event& event, const Change& change) {
    const std::uint64_t who = change.task != nullptr ? change.task->start_boottime_ns
                              : change.ns != nullptr ? change.ns->gen
                                                     : 0;
    return once_.emplace(event.kind(), who).second;
}

}  // namespace nstrail
