// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/printer.hpp"
#include "app/replay.hpp"
#include "event/reflect.hpp"

namespace nstrail {

namespace {

/// Whose story: a task by its tid, or a namespace by its inode number. Both are used again, and all
/// who had the number are told of.
struct Hero {
    bool task = false;
    std::uint32_t number = 0;
    NsType type = NST_ns_type_none;  ///< none = of whatever type
};

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

class Story {
public:
    explicit Story(const Hero& hero) : hero_(hero) {}

    [[nodiscard]] bool tells(const Event& event, const Change& change) {
        if (event.kind() == NST_KIND_gap) {
            return true;  // what is missing may have been about anybody
        }
        const bool concerned = hero_.task ? of_task(event, change) : of_namespace(event, change);
        // Rounds tell again and again what is known.
        const bool again = event.kind() == NST_KIND_task_seen ||
                           event.kind() == NST_KIND_namespace ||
                           event.kind() == NST_KIND_task_exe || event.kind() == NST_KIND_ns_kept ||
                           event.kind() == NST_KIND_task_kept;
        return concerned && (!again || first(event, change) || change.transition.has_value());
    }

private:
    [[nodiscard]] bool mentioned(const Event& event) const {
        Mention mention{.hero = hero_};
        with_fixed_part(event, [&](const auto& fixed) { visit_fields(fixed, mention); });
        return mention.found;
    }
    [[nodiscard]] bool of_task(const Event& event, const Change& change) const {
        const auto outermost = [&](const auto& tail) {
            return !tail.empty() && tail.front().nr == hero_.number;
        };
        return mentioned(event) || (change.task != nullptr && change.task->tid == hero_.number) ||
               (event.kind() == NST_KIND_alloc_pid &&
                outermost(event.tail<nst_alloc_pid, nst_pid_request>())) ||
               (event.kind() == NST_KIND_free_pid &&
                outermost(event.tail<nst_free_pid, nst_pid_nr>()));
    }
    [[nodiscard]] bool of_namespace(const Event& event, const Change& change) const {
        if (hero_.type != NST_ns_type_none && change.ns != nullptr &&
            change.ns->inum == hero_.number && change.ns->type != hero_.type) {
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
        return mentioned(event) &&
               (event.kind() != NST_KIND_cred_user_ns || fits(NST_ns_type_user));
    }
    [[nodiscard]] bool fits(NsType type) const {
        return hero_.type == NST_ns_type_none || hero_.type == type;
    }
    /// Of that kind, about one that had the number.
    [[nodiscard]] bool first(const Event& event, const Change& change) {
        const std::uint64_t who = change.task != nullptr ? change.task->start_boottime_ns
                                  : change.ns != nullptr ? change.ns->gen
                                                         : 0;
        return told_.emplace(event.kind(), who).second;
    }

    const Hero& hero_;
    std::set<std::pair<Kind, std::uint64_t>> told_;
};

struct StoryCommand {
    NotableChoice notable;
    std::string who;
    std::string from;
    bool json = false;
};

int story(const StoryCommand& given) {
    const auto hero = parse_hero(given.who);
    const auto notable = given.notable.resolve();
    if (!hero || !notable) {
        return complain(hero ? notable.error() : hero.error(), exit_usage);
    }
    auto opened = Replay::open(given.from, *notable);
    if (!opened) {
        return complain(opened.error());
    }
    Replay& replay = **opened;
    Printer printer(replay.world(), replay.checker(), given.json);
    Story teller(*hero);
    const auto about = [&](const nst_task_ref& task, std::uint32_t inum) {
        return (hero->task ? task.tid : inum) == hero->number;
    };
    std::size_t told = 0;
    const auto show = [&](const Event& event, const Change& change) {
        if (teller.tells(event, change)) {
            printer.event(event, change);
            told += event.kind() == NST_KIND_gap ? 0 : 1;
        }
        printer.news(event, about);
    };
    int code = exit_ok;
    while (!replay.ended()) {
        if (auto stepped = replay.step(show); !stepped) {
            code = complain(stepped.error());
            break;
        }
        printer.flush();
    }
    replay.finish();
    printer.findings(about);
    printer.flush();
    fmt::print(stderr, "{}", replay.faults_text());
    if (told == 0 && code == exit_ok) {
        return complain({.what = "tell of " + given.who,
                         .why = "nothing of it is in " + given.from,
                         .next = {}});
    }
    return code;
}

}  // namespace

void add_story(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "story", "The life of one task or namespace, in order, as a recording has it.");
    auto given = std::make_shared<StoryCommand>();
    command
        ->add_option("who", given->who,
                     "a tid in the initial pid namespace, an inode number, or TYPE:[INUM]")
        ->required();
    command->add_option("--from", given->from, stream_or_stdin_words)->required();
    command->add_flag("--json", given->json, "one JSON object per line");
    given->notable.add_to(*command);
    command->callback([=, &run] { run = [=] { return story(*given); }; });
}

}  // namespace nstrail
