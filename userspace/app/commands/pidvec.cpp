// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sched.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "app/last_pids.hpp"
#include "app/look.hpp"
#include "app/ns_file.hpp"
#include "app/options.hpp"
#include "app/pid_levels.hpp"
#include "base/text.hpp"
#include "model/pid_request.hpp"

namespace nstrail {

namespace {

using nlohmann::ordered_json;
using Numbers = std::vector<std::int32_t>;
using Levels = std::vector<PidLevel>;

struct PidvecCommand {
    std::string ns;
    std::optional<std::string> check;
    std::optional<std::string> set;
    bool json = false;
};

/// What the user named: an inum, or a file that is open from now on.
struct Target {
    std::uint32_t inum = 0;
    std::optional<NsFile> file;
};

std::optional<std::uint32_t> whole_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

// Pids are below 2^22, inums begin with PROC_*_INIT_INO.
constexpr std::uint32_t least_inum = 0xEFFFFF00;

/// Of "4026532201" or "pid:[4026532201]".
std::optional<std::uint32_t> find_inum(std::string_view text) {
    constexpr std::string_view link = "pid:[";
    if (text.starts_with(link) && text.ends_with(']')) {
        text = text.substr(link.size(), text.size() - link.size() - 1);
    }
    const auto value = whole_number(text);
    return value && *value >= least_inum ? value : std::nullopt;
}

/// An inum, a pid or a path.
Result<Target> find_target(const std::string& text) {
    if (const auto inum = find_inum(text)) {
        return Target{.inum = *inum, .file = std::nullopt};
    }
    const auto pid = whole_number(text);
    auto file = open_namespace(pid ? fmt::format("/proc/{}/ns/pid", *pid) : text, CLONE_NEWPID);
    if (!file) {
        return std::unexpected(file.error());
    }
    return Target{.inum = file->inum, .file = std::move(*file)};
}

std::string column(const PidLevel& level) {
    return fmt::format("level {}  pid:[{}]", level.level.value_or(0), level.pid_namespace);
}

std::string name_of(const PidLevel& level) {
    return fmt::format("pid:[{}] (level {})", level.pid_namespace, level.level.value_or(0));
}

std::string or_unknown(const std::optional<std::uint32_t>& value) {
    return value ? std::to_string(*value) : "?";
}

std::string state_of(const PidLevel& level) {
    if (level.adding == false) {
        return "dead";
    }
    if (level.has_reaper == false) {
        return "no init yet";
    }
    return "init " + (level.reaper.empty() ? "?" : level.reaper);
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
    return value ? ordered_json(*value) : ordered_json();
}

ordered_json words_or_null(const std::string& text) {
    return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json verdict_json(const NumberVerdict& verdict) {
    const bool named = verdict.answer == PidAnswer::refused && verdict.error_certain;
    return {{"answer", answer_name(verdict.answer)},
            {"error", named ? ordered_json(errno_name(verdict.error)) : ordered_json()},
            {"because", words_or_null(verdict.because)}};
}

/// The part of the document that says which namespace and what is in it, outermost first as all
/// vectors in JSON.
ordered_json levels_json(const Levels& levels) {
    const std::string vector = last_pid_vector(levels);
    ordered_json rows = ordered_json::array();
    for (std::size_t i = levels.size(); i-- > 0;) {
        const PidLevel& level = levels[i];
        rows.push_back({{"level", or_null(level.level)},
                        {"pid_namespace", level.pid_namespace},
                        {"owner", or_null(level.owner)},
                        {"last_pid", or_null(level.last_pid)},
                        {"used", or_null(level.used)},
                        {"pid_max", or_null(level.pid_max)},
                        {"has_reaper", or_null(level.has_reaper)},
                        {"adding", or_null(level.adding)},
                        {"capable", or_null(level.capable)},
                        {"reaper", words_or_null(level.reaper)}});
    }
    return {{"schema", "nstrail.pidvec/1"},
            {"pid_namespace", levels.front().pid_namespace},
            {"last_pids", vector.contains('?') ? ordered_json() : ordered_json(vector)},
            {"levels", std::move(rows)}};
}

int print(const Levels& levels, bool json) {
    if (json) {
        fmt::print("{}\n", levels_json(levels).dump(-1, ' ', false,
                                                    ordered_json::error_handler_t::replace));
        return exit_ok;
    }
    fmt::print("{}\n", last_pid_vector(levels));
    for (const PidLevel& level : levels) {
        fmt::print("{}  last pid {}  {} numbers in use  pid_max {}  {}\n", column(level),
                   or_unknown(level.last_pid), or_unknown(level.used), or_unknown(level.pid_max),
                   state_of(level));
    }
    return exit_ok;
}

int check(const Levels& levels, const PidvecCommand& given, const Numbers& asked) {
    const RequestVerdict verdict = check_pid_request(levels, true, asked);
    if (given.json) {
        ordered_json rows = ordered_json::array();
        for (std::size_t i = verdict.levels.size(); i-- > 0;) {
            ordered_json row = {{"level", or_null(levels[i].level)},
                                {"pid_namespace", levels[i].pid_namespace},
                                {"asked", asked[i]}};
            row.update(verdict_json(verdict.levels[i]));
            rows.push_back(std::move(row));
        }
        ordered_json document = levels_json(levels);
        document["check"] = {{"asked", *given.check}};
        document["check"].update(verdict_json(verdict.whole));
        document["check"]["level"] =
            verdict.level ? or_null(levels[*verdict.level].level) : ordered_json();
        document["check"]["levels"] = std::move(rows);
        fmt::print("{}\n", document.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
    } else {
        fmt::print("{}\n", in_words(verdict, levels));
        for (std::size_t i = 0; i < verdict.levels.size(); i++) {
            const NumberVerdict& one = verdict.levels[i];
            fmt::print("{}  {}  {}{}{}\n", column(levels[i]), asked[i], answer_name(one.answer),
                       one.because.empty() ? "" : ": ", one.because);
        }
    }
    switch (verdict.whole.answer) {
        case PidAnswer::possible:
            return exit_ok;
        case PidAnswer::refused:
            return exit_failure;
        case PidAnswer::unknown:
            return exit_unsupported;
    }
    __builtin_unreachable();
}

/// Why the last pids of these levels cannot be set, before anything is touched.
Result<std::vector<std::uint32_t>> settable(const Levels& levels, const Numbers& asked) {
    const std::string what = "set the last pids";
    if (asked.size() > levels.size()) {
        return fail(what, fmt::format("{} numbers for {} nested pid namespaces", asked.size(),
                                      levels.size()));
    }
    std::vector<std::uint32_t> values;
    for (std::size_t i = 0; i < asked.size(); i++) {
        const PidLevel& level = levels[i];
        if (asked[i] < 0 ||
            (level.pid_max && static_cast<std::uint32_t>(asked[i]) > *level.pid_max)) {
            return fail(what, fmt::format("{} is no last pid of {}", asked[i], name_of(level)),
                        level.pid_max ? fmt::format("they go from 0 to pid_max, {}", *level.pid_max)
                                      : "they go from 0 to pid_max");
        }
        if (level.adding == false) {
            return fail(what, fmt::format("{} is dead: its init is gone, and nothing can enter",
                                          name_of(level)));
        }
        if (level.adding != true || level.has_reaper != true) {
            return fail(what,
                        fmt::format("{} {}", name_of(level),
                                    level.has_reaper == false ? "has no init yet"
                                                              : "is not known to have an init"),
                        "start one: what enters to set it would become the init");
        }
        if (level.capable == false) {
            return fail(what, fmt::format("no capability over the owner of {}", name_of(level)),
                        "needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN there");
        }
        values.push_back(static_cast<std::uint32_t>(asked[i]));
    }
    return values;
}

int set(const View& view, const Levels& levels, const PidvecCommand& given, Target target,
        const Numbers& asked) {
    const auto values = settable(levels, asked);
    if (!values) {
        return complain(values.error());
    }
    if (!target.file) {
        auto file = open_by_inum(view, target.inum);
        if (!file) {
            return complain(file.error());
        }
        target.file = std::move(*file);
    }
    const std::vector<NsFile> chain = with_ancestors(std::move(*target.file));
    if (!std::ranges::equal(chain, levels, {}, &NsFile::inum, &PidLevel::pid_namespace)) {
        return complain(fail("set the last pids", "the namespace ended meanwhile").error());
    }
    const auto now = set_last_pids(chain, *values);
    if (!now) {
        return complain(now.error());
    }
    const bool done = std::ranges::equal(*now, *values);
    if (given.json) {
        ordered_json rows = ordered_json::array();
        for (std::size_t i = now->size(); i-- > 0;) {
            rows.push_back({{"level", or_null(levels[i].level)},
                            {"pid_namespace", levels[i].pid_namespace},
                            {"asked", asked[i]},
                            {"now", (*now)[i]}});
        }
        fmt::print(
            "{}\n",
            ordered_json{
                {"schema", "nstrail.pidvec/1"},
                {"pid_namespace", levels.front().pid_namespace},
                {"set", {{"asked", *given.set}, {"done", done}, {"levels", std::move(rows)}}}}
                .dump());
    } else {
        for (std::size_t i = 0; i < now->size(); i++) {
            fmt::print("{}  asked {}  now {}\n", column(levels[i]), asked[i], (*now)[i]);
        }
    }
    return done ? exit_ok
                : complain(fail("set the last pids",
                                "somebody took numbers before they could be read back",
                                "try again, with less going on there")
                               .error());
}

int pidvec(const PidvecCommand& given) {
    Numbers asked;
    if (const auto& text = given.check ? given.check : given.set) {
        auto numbers = parse_pid_vector(*text);
        if (!numbers) {
            return complain(numbers.error(), exit_usage);
        }
        asked = std::move(*numbers);
    }
    const auto look = look_once();
    if (!look) {
        return complain(look.error(), exit_unsupported);
    }
    auto target = find_target(given.ns);
    if (!target) {
        return complain(target.error());
    }
    const auto levels = read_levels(look->view, target->inum, given.check.has_value());
    if (!levels) {
        return complain(levels.error());
    }
    if (given.check) {
        return check(*levels, given, asked);
    }
    if (given.set) {
        return set(look->view, *levels, given, std::move(*target), asked);
    }
    return print(*levels, given.json);
}

}  // namespace

void add_pidvec(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "pidvec", "The last pids of a pid namespace and its ancestors, innermost first.");
    auto options = std::make_shared<PidvecCommand>();
    command
        ->add_option("namespace", options->ns,
                     "a pid namespace: its inode number, a process in it, or a file like "
                     "/proc/PID/ns/pid")
        ->required();
    auto* check = command->add_option(
        "--check", options->check,
        "whether a process could get these pids, innermost first, e.g. 7:31:812; exit status 0 = "
        "yes, 1 = no, 4 = not known");
    auto* set = command->add_option(
        "--set", options->set,
        "make these the last pids, innermost first, so that the next process gets those that "
        "follow; anyone who forks meanwhile is faster");
    check->excludes(set);
    command->add_flag("--json", options->json, "one JSON document (nstrail.pidvec/1)");
    command->callback([=, &run] { run = [=] { return pidvec(*options); }; });
}

}  // namespace nstrail
