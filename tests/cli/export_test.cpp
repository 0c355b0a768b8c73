// SPDX-License-Identifier: Apache-2.0
// Recordings for other programs, from outside.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/outcome.hpp"
#include "record/recordings.hpp"
#include "support/trace.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

std::string export_of(const std::string& recording, const std::string& words) {
    return "$N export " + recording + " --to " + words;
}

using Identity = std::pair<std::uint32_t, std::uint64_t>;

/// Who was told of, as the lines of a replay have it; who executes as a thread that is no leader
/// has the leader's tid and start time from then on.
std::multiset<Identity> tasks_of(const std::string& recording) {
    std::vector<Identity> all;
    std::map<std::string, std::size_t> by_key;
    std::istringstream lines(run("$N replay --json " + recording).out);
    for (std::string text; std::getline(lines, text);) {
        const json line = json::parse(text);
        if (line["kind"] == "task_new" || line["kind"] == "task_seen") {
            const Identity who{line["task"]["tid"], line["task"]["start_boottime_ns"]};
            const auto [at, added] = by_key.try_emplace(line["task"]["key"], all.size());
            if (added || all[at->second] != who) {
                at->second = all.size();
                all.push_back(who);
            }
        } else if (line["kind"] == "exchange_tids") {
            all[by_key.at(line["task"]["key"])] = {line["leader"]["tid"],
                                                   line["task"]["start_boottime_ns"]};
            all[by_key.at(line["leader"]["key"])].first = line["task"]["tid"];
        }
    }
    return {all.begin(), all.end()};
}

std::multiset<Identity> lives_of(const Trace& trace) {
    std::multiset<Identity> all;
    for (const json& slice : trace.of('X', "task")) {
        all.emplace(slice["args"]["tid"], slice["args"]["start_boottime_ns"]);
    }
    return all;
}

/// What only one of them has, which is to be nothing.
void expect_lives(const Trace& trace, const std::string& recording) {
    const auto lives = lives_of(trace);
    const auto tasks = tasks_of(recording);
    std::vector<Identity> more;
    std::ranges::set_difference(lives, tasks, std::back_inserter(more));
    std::vector<Identity> missing;
    std::ranges::set_difference(tasks, lives, std::back_inserter(missing));
    EXPECT_EQ(more, std::vector<Identity>{}) << "shown twice, or as nobody was told of";
    EXPECT_EQ(missing, std::vector<Identity>{}) << "told of, but not shown";
    EXPECT_FALSE(lives.empty());
}

/// The scenes as a recording of several chunks.
std::string record_scenes(const TempDir& dir) {
    write_recording(small_chunks(dir.path()), scenes());
    return dir.path();
}

TEST(ExportPerfetto, ShowsEachTaskOnceAndWhatItDid) {
    const Outcome outcome = run(export_of(format_1, "perfetto"));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, run("$N replay --json " + std::string(format_1)).err);
    const Trace trace = checked_trace(outcome.out);
    expect_lives(trace, format_1);
    EXPECT_EQ(trace.other()["boot_id"], "010eef66-ed47-462e-b860-ee0a89f64fb2");
    EXPECT_EQ(trace.other()["lost"], 0);
    EXPECT_EQ(trace.other()["whole"], true);
    EXPECT_EQ(trace.other()["nstrail"], NSTRAIL_VERSION);
    // unshare --mount --net --pid --fork sh, which then is number 1 of its namespace.
    const auto switches = trace.of('i', "switch");
    const auto shown = [&](const std::string& name, const std::string& row) {
        EXPECT_EQ(std::ranges::count_if(switches,
                                        [&](const json& one) {
                                            return one["name"] == name && trace.row(one) == row;
                                        }),
                  1)
            << name;
    };
    shown("unshare: mnt, net, pid_for_children", "unshare 4017");
    shown("clone: pid", "sh 4018, nr 1");
    EXPECT_EQ(trace.process(trace.only("task", "sh 4018, nr 1")),
              "pid:[4026532162] gen 2, level 1");
    const json net = trace.only("namespace", "net:[4026532163]");
    EXPECT_EQ(net["args"]["creator_tid"], 4017);
    EXPECT_EQ(net["args"]["end"], "seen");
}

TEST(ExportPerfetto, IsTheSameEachTimeAndInAFile) {
    const TempDir dir;
    const std::string scenes = record_scenes(dir);
    const Outcome once = run(export_of(scenes, "perfetto"));
    EXPECT_EQ(once.status, 0) << once.err;
    EXPECT_EQ(run(export_of(scenes, "perfetto")).out, once.out);
    expect_lives(checked_trace(once.out), scenes);
    const TempDir to;
    const std::string file = to.path() + "/trace.json";
    spill(file, "old");
    std::filesystem::permissions(file, std::filesystem::perms(0640));
    const Outcome written = run(export_of(scenes, "perfetto -o " + file));
    EXPECT_EQ(written.status, 0) << written.err;
    EXPECT_EQ(written.out, "");
    EXPECT_EQ(slurp(file), once.out);
    EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0640));
    EXPECT_EQ(run("ls -A " + to.path()).out, "trace.json\n");
}

TEST(ExportPerfetto, ShowsWhatDamageTookAndGoesOnBehindIt) {
    const TempDir dir;
    const std::string recording = record_scenes(dir);
    const auto chunks = chunk_files(recording);
    ASSERT_GE(chunks.size(), 3U);
    std::filesystem::remove(chunks[1]);
    const Outcome outcome = run(export_of(recording, "perfetto"));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const Trace trace = checked_trace(outcome.out);
    const auto losses = trace.of('i', "loss");
    ASSERT_FALSE(losses.empty());
    EXPECT_EQ(losses[0]["args"]["cause"], "damage");
    EXPECT_EQ(losses[0]["s"], "g");
    EXPECT_GT(trace.other()["lost"], 0);
    // The keyframe behind it tells again who was there before: that makes no second life.
    const auto lives = lives_of(trace);
    EXPECT_EQ(std::set<Identity>(lives.begin(), lives.end()).size(), lives.size());
    EXPECT_TRUE(std::ranges::includes(lives, tasks_of(recording)));
    std::set<std::string> processes;
    for (const json& slice : trace.of('X', "task")) {
        if (slice["args"]["tid"] == 1) {
            EXPECT_EQ(slice["args"]["end"], "alive");
        }
        if (slice["args"]["vpids"].size() == 1) {
            processes.insert(trace.process(slice));
        }
    }
    EXPECT_EQ(processes.size(), 1U) << "the initial pid namespace is one";
}

TEST(ExportPerfetto, ShowsAPart) {
    const Trace trace =
        checked_trace(run(export_of(format_1, "perfetto --begin +2s --end +2500ms")).out);
    const auto begin = trace.other()["begin_boot_ns"].get<std::int64_t>();
    EXPECT_EQ(trace.other()["whole"], true);
    EXPECT_LT(trace.of('X', "task").size(), tasks_of(format_1).size());
    for (const json& slice : trace.of('X', "task")) {
        EXPECT_GE(ns_of(slice["ts"]), begin);
        EXPECT_LE(ns_of(slice["ts"]) + ns_of(slice["dur"]), begin + 500'000'000);
    }
    const Trace only = checked_trace(run(export_of(format_1, "perfetto --filter tid=4018")).out);
    EXPECT_EQ(only.of('X', "task").size(), 1U);
}

TEST(ExportPerfetto, EndsTheDocumentWhereItIsInterrupted) {
    const TempDir dir;
    const std::string recording = record_scenes(dir);
    // Its output waits in the pipe until it has been interrupted.
    const Outcome outcome =
        run("d=" + dir.path() + "; mkfifo $d/pipe; " + export_of(recording, "perfetto") +
            " >$d/pipe & pid=$!; exec 3<" + dir.path() +
            "/pipe; head -c 100 <&3; kill -INT $pid; cat <&3; wait $pid");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const Trace trace = checked_trace(outcome.out);
    EXPECT_EQ(trace.other()["whole"], false);
    EXPECT_NE(outcome.err.find("interrupted"), std::string::npos) << outcome.err;
}

TEST(ExportJson, IsWhatReplayPrints) {
    for (const char* words : {"", "--begin +2s --end +2500ms", "--filter tid=4018"}) {
        const Outcome replayed = run("$N replay --json " + std::string(format_1) + ' ' + words);
        const Outcome exported = run(export_of(format_1, std::string("json ") + words));
        EXPECT_EQ(exported.status, 0) << exported.err;
        EXPECT_EQ(exported.out, replayed.out);
        EXPECT_EQ(exported.err, replayed.err);
        EXPECT_FALSE(exported.out.empty());
    }
}

TEST(ExportDot, ShowsTheHierarchyOfAMoment) {
    const Outcome then = run(export_of(format_1, "dot --at +1s"));
    EXPECT_EQ(then.status, 0) << then.err;
    EXPECT_NE(then.out.find("\"pid_4026531836_1\" -> \"pid_4026532162_2\";"), std::string::npos)
        << then.out;
    EXPECT_EQ(run(export_of(format_1, "dot --at +1s")).out, then.out);
    const Outcome end = run(export_of(format_1, "dot"));
    EXPECT_EQ(end.out.find("4026532162"), std::string::npos) << end.out;
}

TEST(ExportErrors, AreOneClearLineAndLeaveNoFile) {
    const TempDir dir;
    const std::string rec = format_1;
    std::filesystem::create_directory(dir.path() + "/is-one");
    for (const auto& [command, status, words] :
         {std::tuple(export_of("/nowhere", "perfetto -o " + dir.path() + "/x"), 1,
                     "open /nowhere: No such file or directory"),
          {export_of(rec, "perfetto -o /dev/full"), 1, "write /dev/full: No space left on device"},
          {export_of(rec, "json -o /dev/full"), 1, "write /dev/full: No space left on device"},
          {export_of(rec, "dot -o /dev/full"), 1, "write /dev/full: No space left on device"},
          {export_of(rec, "perfetto >/dev/full"), 1, "write stdout: No space left on device"},
          {export_of(rec, "perfetto -o " + dir.path() + "/none/x"), 1,
           "/none/x: No such file or directory"},
          {export_of(rec, "perfetto -o " + dir.path() + "/is-one"), 1, "/is-one: Is a directory"},
          {export_of(rec, "json -o /proc/x"), 1, "write /proc/x: "},
          {"$N export " + rec, 2, "--to is required"},
          {export_of(rec, "svg"), 2, "--to"},
          {export_of(rec, "dot --begin +1s"), 2, "give it with --at"},
          {export_of(rec, "dot --filter tid=1"), 2, "it shows no events"},
          {export_of(rec, "json --at +1s"), 2, "give --begin and --end"},
          {export_of(rec, "perfetto --begin soon"), 2, "understand the time"},
          {export_of(rec, "json --filter 'pidd=1'"), 2, "pidd"}}) {
        const Outcome outcome = run(command);
        EXPECT_EQ(outcome.status, status) << command << '\n' << outcome.err;
        EXPECT_NE(outcome.err.find(words), std::string::npos) << command << '\n' << outcome.err;
        expect_one_clear_line(outcome);
    }
    EXPECT_EQ(run("ls -A " + dir.path()).out, "is-one\n");
    // A line that is no event: what is on stdout is a document all the same, a file is not made.
    const std::string broken = "{ $N replay --json " + rec + "; echo nonsense; } 2>/dev/null | ";
    const Outcome cut = run(broken + export_of("-", "perfetto"));
    EXPECT_EQ(cut.status, 1) << cut.err;
    EXPECT_EQ(checked_trace(cut.out).other()["whole"], false);
    expect_lives(checked_trace(cut.out), rec);
    const std::string file = dir.path() + "/out";
    spill(file, "old");
    EXPECT_EQ(run(broken + export_of("-", "perfetto -o " + file)).status, 1);
    EXPECT_EQ(slurp(file), "old");
    EXPECT_EQ(run("ls -A " + dir.path()).out, "is-one\nout\n");
}

TEST(ExportErrors, WhereNothingMayBeWrittenThatIsSaid) {
    const TempDir dir;
    const std::string binary = dir.path() + "/nstrail";
    const std::string kept = dir.path() + "/kept";
    const Outcome outcome = run("cp \"$N\" " + binary + " && cp -r " + format_1 + " " + dir.path() +
                                "/rec && chmod -R a+rX " + dir.path() + " && echo old >" + kept +
                                " && setpriv --reuid 65534 --regid 65534 --clear-groups " + binary +
                                " export " + dir.path() + "/rec --to dot -o " + kept);
    EXPECT_EQ(outcome.status, 1);
    expect_one_clear_line(outcome);
    EXPECT_NE(outcome.err.find("Permission denied; give another place"), std::string::npos)
        << outcome.err;
    EXPECT_EQ(slurp(kept), "old\n");
}

TEST(ExportPipe, WhoeverStopsReadingEndsItQuietly) {
    const TempDir dir;
    const Outcome outcome =
        run(export_of(record_scenes(dir), "perfetto") + " | head -c 10 >/dev/null");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace nstrail::test
