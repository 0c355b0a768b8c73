// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/look.hpp"
#include "app/options.hpp"
#include "app/output.hpp"
#include "app/pipeline.hpp"
#include "app/printer.hpp"
#include "app/progress.hpp"
#include "app/replay.hpp"
#include "sink/perfetto.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

struct ExportCommand {
    NotableChoice notable;
    std::string path;
    StreamPick pick;
    std::string to;
    std::string output;
    std::string at;
    RangeChoice range;
    FilterChoice filter;
};

int export_dot(const ExportCommand& given) {
    const auto look = look_back(given.path, given.at);
    if (!look) {
        return complain(look.error());
    }
    auto output = Output::open(given.output);
    auto written =
        output
            ? output->write(tree_dot(look->view, {.tasks = false, .types = {}, .note = look->note}))
            : std::unexpected(output.error());
    if (written) {
        written = output->commit();
    }
    return written ? exit_ok : complain(written.error());
}

/// All of the stream: `show` is its observer, and `end` says that there is no more of it, and
/// whether that is because all was told. Both write to `out`.
int export_stream(Replay& replay, Output& output, fmt::memory_buffer& out, const Observer& show,
                  const std::function<void(bool whole)>& end) {
    Result<void> read;
    Result<void> written;
    {
        Progress progress(output.to_stdout() && isatty(STDOUT_FILENO) != 0);
        while (read && written && !replay.ended() && !stop_requested()) {
            read = replay.step(show);
            written = output.write(out);
            progress.show(sum(replay.world().account().events), [&] { return replay.part(); });
        }
    }
    const bool whole = read && replay.ended();
    replay.finish();
    end(whole);
    if (written) {
        written = output.write(out);
    }
    if (written && read) {
        written = output.commit();
    }
    if (!written || !read) {
        return complain(written ? read.error() : written.error());
    }
    fmt::print(stderr, "{}nstrail: {}{}\n", replay.faults_text(),
               whole ? "" : "interrupted, what came until then is written: ",
               account_text(replay.follower()));
    return exit_ok;
}

int export_events(const ExportCommand& given) {
    const auto notable = given.notable.resolve();
    auto filter = given.filter.resolve();
    if (!notable || !filter) {
        return complain(notable ? filter.error() : notable.error(), exit_usage);
    }
    auto opened = Replay::open(given.path, *notable);
    if (!opened) {
        return complain(opened.error());
    }
    Replay& replay = **opened;
    const auto range = given.range.resolve(replay.clock());
    if (!range) {
        return complain(range.error(), exit_usage);
    }
    replay.limit(*range);
    auto output = Output::open(given.output);
    if (!output) {
        return complain(output.error());
    }
    catch_signals();
    if (given.to == "json") {
        Printer printer(replay.world(), replay.checker(), true, std::move(*filter));
        return export_stream(
            replay, *output, printer.out(),
            [&](const Event& event, const Change& change) {
                // Before the beginning the model learns, and nothing is shown.
                if (replay.now() >= range->begin_ns) {
                    printer.event(event, change);
                    printer.news(event);
                }
            },
            [&](bool /*whole*/) { printer.findings(); });
    }
    Perfetto perfetto(
        replay.world(), replay.checker(),
        {.begin_ns = range->begin_ns, .filter = std::move(*filter), .version = NSTRAIL_VERSION});
    return export_stream(
        replay, *output, perfetto.out(),
        [&](const Event& event, const Change& change) {
            if (!synthesized(event)) {
                perfetto.take(event, change, replay.now());
            }
        },
        [&](bool whole) { perfetto.finish(whole); });
}

int export_to(ExportCommand given) {
    auto name = given.pick.name(given.path);
    if (!name) {
        return complain(name.error(), exit_usage);
    }
    given.path = std::move(*name);
    const bool dot = given.to == "dot";
    const auto misplaced = [&](const char* option, const char* why, const char* next) {
        return complain({.what = fmt::format("export to {} with {}", given.to, option),
                         .why = why,
                         .next = next},
                        exit_usage);
    };
    if (dot && given.range.given()) {
        return misplaced("--begin or --end", "it shows one moment", "give it with --at");
    }
    if (dot && given.filter.text) {
        return misplaced("--filter", "it shows no events", "leave it out");
    }
    if (!dot && !given.at.empty()) {
        return misplaced("--at", "it shows no single moment", "give --begin and --end");
    }
    return dot ? export_dot(given) : export_events(given);
}

}  // namespace

void add_export(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "export", "A recording for other programs: ui.perfetto.dev, jq, Graphviz.");
    auto given = std::make_shared<ExportCommand>();
    command->add_option("recording", given->path, stream_or_stdin_words)->required();
    command
        ->add_option(
            "--to", given->to,
            "perfetto (lives of tasks and namespaces on a time axis), json (one object "
            "per line, as replay --json prints them), or dot (the hierarchy at one moment)")
        ->required()
        ->check(CLI::IsMember({"perfetto", "json", "dot"}));
    command->add_option("-o,--output", given->output,
                        "a file, which is there once it is whole; else stdout");
    given->pick.add_to(*command);
    given->range.add_to(*command);
    command->add_option("--at", given->at, "dot: at what time; else the end");
    given->filter.add_to(*command);
    given->notable.add_to(*command);
    command->callback([=, &run] { run = [=] { return export_to(*given); }; });
}

}  // namespace nstrail
