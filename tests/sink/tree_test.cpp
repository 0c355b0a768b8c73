// SPDX-License-Identifier: Apache-2.0
#include "sink/tree.hpp"

#include <cstdio>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sink/sample.hpp"

namespace nstrail {
namespace {

using nlohmann::json;

TEST(TreeJson, SaysWhatIsKnownAndNullForWhatIsNot) {
    const auto document =
        json::parse(tree_json(test::sample_view(), {.tasks = true, .types = {}, .note = {}}));
    EXPECT_EQ(document["schema"], "nstrail.tree/1");
    EXPECT_EQ(document["certain"], true);
    EXPECT_EQ(document["lost"], 3);
    const auto& outer = document["namespaces"][0];
    EXPECT_TRUE(outer["parent"].is_null());
    EXPECT_EQ(outer["level"], 0);
    EXPECT_EQ(outer["tasks"], 1) << "zombies are counted apart";
    EXPECT_EQ(outer["zombies"], 1);
    EXPECT_TRUE(outer["created_by"].is_null());
    const auto& inner = document["namespaces"][1];
    EXPECT_EQ(inner["parent"], 4026531836U);
    EXPECT_EQ(inner["reaper"]["comm"], "in\"it\uFFFD\x1b[2J");
    EXPECT_EQ(inner["created_by"]["tid"], 1);
    EXPECT_TRUE(inner["last_pid"].is_null());
    const auto& tasks = document["tasks"];
    EXPECT_EQ(tasks[0]["ppid"], 0) << "the first task has no parent";
    EXPECT_TRUE(tasks[1]["ppid"].is_null()) << "a parent that is not known is not 0";
    EXPECT_EQ(tasks[1]["state"], "zombie");
    EXPECT_EQ(tasks[2]["vpids"][1], (json{{"pid_namespace", 4026532200U}, {"nr", 1}}));
    EXPECT_TRUE(tasks[2]["ns"]["mnt"].is_null());
}

TEST(TreeJson, SaysSinceWhenThereIsTracing) {
    WorldState state = test::sample_state();
    state.session.header.boot_ns = 7;
    EXPECT_EQ(json::parse(tree_json(test::view_of(state), {}))["tracing_since_boot_ns"], 7);
    state.session.mode = NST_attach_mode_reduced;
    EXPECT_EQ(json::parse(tree_json(test::view_of(state), {}))["tracing_since_boot_ns"], 7);
    state.session.header.boot_ns = 0;
    EXPECT_TRUE(json::parse(tree_json(test::view_of(state), {}))["tracing_since_boot_ns"].is_null())
        << "it was not kept";
    state.session.header.boot_ns = 7;
    state.session.mode = NST_attach_mode_none;
    EXPECT_TRUE(json::parse(tree_json(test::view_of(state), {}))["tracing_since_boot_ns"].is_null())
        << "a snapshot traces nothing";
}

TEST(TreeJson, TasksOnlyWhereAskedForAndTypesOnlyThoseChosen) {
    const View view = test::sample_view();
    EXPECT_FALSE(json::parse(tree_json(view, {})).contains("tasks"));
    const TreeOptions only_user{.tasks = false, .types = {NST_ns_type_user}, .note = {}};
    EXPECT_TRUE(json::parse(tree_json(view, only_user))["namespaces"].empty());
}

TEST(TreeJson, LastPidIsUnknownInReducedModeWhateverTheModelHolds) {
    WorldState state = test::sample_state();
    state.namespaces.edit(test::outer)->last_pid = 77;
    state.namespaces.edit(test::outer)->last_pid_known = true;
    const auto full = json::parse(tree_json(test::view_of(state), {}));
    EXPECT_EQ(full["namespaces"][0]["last_pid"], 77);
    EXPECT_EQ(full["namespaces"][0]["last_pid_vector"], "77");
    EXPECT_EQ(full["namespaces"][1]["last_pid_vector"], nullptr) << "its own is not known";
    state.session.mode = NST_attach_mode_reduced;
    const auto document = json::parse(tree_json(test::view_of(state), {}));
    EXPECT_TRUE(document["namespaces"][0]["last_pid"].is_null());
    EXPECT_FALSE(document["doubt"].is_null());
}

TEST(TreeText, NestsNamespacesAndCannotBeMadeToMoveTheCursor) {
    const std::string text =
        tree_text(test::sample_view(), {.tasks = true, .types = {}, .note = {}});
    EXPECT_NE(text.find("└─ 4026532200  1 task"), std::string::npos) << text;
    EXPECT_NE(text.find("dead [zombie]"), std::string::npos) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
}

TEST(TreeDot, HasABoxForEachOwnerAndAnArrowFromEachParent) {
    WorldState state = test::sample_state();
    NsRecord& owner = state.namespaces.create(4026531837);
    owner.type = NST_ns_type_user;
    owner.facts = true;
    NsRecord& net = state.namespaces.create(4026532300);
    net.type = NST_ns_type_net;
    net.owner = 4026531837;
    net.certain = false;
    NsRecord& lost = state.namespaces.create(4026532301);
    lost.type = NST_ns_type_uts;
    const std::string text = tree_dot(test::view_of(state), {});
    EXPECT_EQ(tree_dot(test::view_of(state), {}), text);
    const auto has = [&](const std::string& words) {
        EXPECT_NE(text.find(words), std::string::npos) << words << '\n' << text;
    };
    has("subgraph cluster_4026531837 {\n    label=\"owned by user:[4026531837]\"");
    has("    \"pid_4026532200_1\" [label=\"pid:[4026532200]\\nlevel 1, alive, 1 task\\ninit "
        "in\\\"it");
    has("\n  \"pid_4026531836_1\" -> \"pid_4026532200_1\";\n");
    has("empty, 0 tasks\\nnot certain\", color=gray, fontcolor=gray40, style=dashed]");
    has("\n  \"uts_4026532301_1\" [");  // by whom it is owned is not known
    has("note: 1 namespace without tasks may have ended");
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

#ifdef DOT
TEST(TreeDot, IsTakenByGraphviz) {
    WorldState state = test::sample_state();
    test::add_task(state, 30, "a\\N\"<b>&lt;\\", {{test::outer, 30}, {test::inner, 1}});
    state.namespaces.edit(test::inner)->init_tgid = 30;
    FILE* dot = popen(DOT " -Tsvg >/dev/null 2>&1", "w");
    ASSERT_NE(dot, nullptr);
    const std::string text = tree_dot(test::view_of(state), {});
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), dot), text.size());
    EXPECT_EQ(pclose(dot), 0) << text;
    FILE* none = popen(DOT " -Tsvg >/dev/null 2>&1", "w");
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size() - 3, none), text.size() - 3);
    EXPECT_NE(pclose(none), 0) << "it takes anything";
}
#endif

TEST(Doubt, IsTold) {
    WorldState state = test::sample_state();
    EXPECT_TRUE(doubt(test::view_of(state)).empty());
    EXPECT_EQ(doubt(test::view_of(state), "one task is hidden"), "one task is hidden");
    state.certain = false;
    EXPECT_NE(doubt(test::view_of(state), "one task is hidden").find("; one task is hidden"),
              std::string::npos);
    EXPECT_NE(doubt(test::view_of(state)).find("lost"), std::string::npos);
    state.synchronized = false;
    EXPECT_NE(doubt(test::view_of(state)).find("first snapshot"), std::string::npos);
}

}  // namespace
}  // namespace nstrail
