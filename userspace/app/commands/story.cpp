// SPDX-License-Identifier: Apache-2.0
#include "app/story.hpp"

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"

namespace nstrail {

namespace {

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
    StoryTeller teller(replay, *hero, given.json);
    int code = exit_ok;
    while (!replay.ended()) {
        if (auto stepped = teller.step(); !stepped) {
            code = complain(stepped.error());
            break;
        }
        teller.flush();
    }
    teller.finish();
    teller.flush();
    fmt::print(stderr, "{}", replay.faults_text());
    if (teller.told() == 0 && code == exit_ok) {
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
