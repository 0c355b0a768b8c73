// SPDX-License-Identifier: Apache-2.0
// event/json and event/parse: the JSON form says what is known, and leads back to the same event.
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "event/format.hpp"
#include "model/kernel_bits.hpp"
#include "unit/any_event.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

std::string bytes_of(const Event& event) {
    return {reinterpret_cast<const char*>(event.bytes().data()), event.bytes().size()};
}

void expect_round_trip(const EventBuffer& buffer) {
    const auto event = buffer.event();
    ASSERT_TRUE(event);
    const std::string text = to_json(*event);
    const auto again = parse_event(text);
    ASSERT_TRUE(again) << again.error().line() << '\n' << text;
    const auto parsed = again->event();
    ASSERT_TRUE(parsed) << parsed.error().line() << '\n' << text;
    ASSERT_EQ(to_json(*parsed), text);
    ASSERT_EQ(bytes_of(*parsed), bytes_of(*event)) << text;
}

TEST(Json, LeadsBackToTheSameEventForEveryKind) {
    Zeros zeros;
    Extremes extremes;
    for (Filler* filler : std::initializer_list<Filler*>{&zeros, &extremes}) {
        for (const EventBuffer& buffer : every_kind(*filler)) {
            expect_round_trip(buffer);
        }
    }
    for (unsigned seed = 0; seed < 500; seed++) {
        Random random(seed);
        for (const EventBuffer& buffer : every_kind(random)) {
            expect_round_trip(buffer);
            if (HasFatalFailure()) {
                return;
            }
        }
    }
}

TEST(Json, IsOneLineOfJson) {
    for (unsigned seed = 0; seed < 100; seed++) {
        Random random(seed);
        for (const EventBuffer& buffer : every_kind(random)) {
            const std::string text = to_json(*buffer.event());
            EXPECT_EQ(text.find('\n'), std::string::npos);
            const json parsed = json::parse(text, nullptr, false);
            ASSERT_TRUE(parsed.is_object()) << text;
            EXPECT_EQ(parsed["kind"], kind_name(buffer.event()->kind()));
        }
    }
}

/// Walks the fields of an event beside its JSON form.
struct UnknownIsNull {
    const json& form;
    std::string path;

    template <class T>
    void number(std::string_view name, const T& value, Format format) {
        const json& shown = form.at(std::string(name));
        const bool unknown_if_zero =
            format == Format::ID || format == Format::INUM || format == Format::KEY;
        EXPECT_EQ(shown.is_null(), unknown_if_zero && value == 0) << path << name;
    }
    template <class T>
    void object(std::string_view name, const T& value, Format format) {
        const json& shown = form.at(std::string(name));
        if (format == Format::NSSET && shown.is_null()) {
            return;  // all of it is 0, or the round trip would have failed
        }
        UnknownIsNull inner{.form = shown, .path = path + std::string(name) + "."};
        visit_fields(value, inner);
    }
    void text(std::string_view name, const char* /*chars*/, std::size_t /*size*/) {
        EXPECT_TRUE(form.at(std::string(name)).is_string()) << path << name;
    }
    template <class Element>
    void tail(std::string_view name, std::uint32_t count) {
        EXPECT_EQ(form.at(std::string(name)).size(), count) << path << name;
    }
};

TEST(Json, SaysNullForUnknownAndNever0) {
    Zeros zeros;
    for (unsigned seed = 0; seed < 50; seed++) {
        Random random(seed);
        for (const EventBuffer& buffer :
             every_kind(seed == 0 ? static_cast<Filler&>(zeros) : random)) {
            const auto event = buffer.event();
            const json form = json::parse(to_json(*event));
            with_fixed_part(*event, [&](const auto& fixed) {
                UnknownIsNull visitor{.form = form, .path = form["kind"].get<std::string>() + "."};
                visit_fields(fixed, visitor);
            });
        }
    }
    const nst_alloc_pid failed{
        .header = {.kind = NST_KIND_alloc_pid, .cpu = 0, .seq = 0, .boot_ns = 0},
        .actor = {},
        .pid_key = 0,
        .pid_namespace = 5,
        .error = -17,
        .set_tid_size = 1,
        .levels = 1,
        .actor_capabilities = 0,
        .actor_user = 0,
        .actor_euid = 0};
    const nst_pid_request asked{.pid_namespace = 5, .nr = 0, .asked = 9, .last_pid = 0};
    const auto buffer = EventBuffer::make(failed, std::span(&asked, 1));
    const json form = json::parse(to_json(*buffer.event()));
    EXPECT_TRUE(form["vpids"][0]["nr"].is_null());
    EXPECT_EQ(form["vpids"][0]["asked"], 9);
    EXPECT_EQ(form["error"], -17);
}

TEST(Json, NamesValuesAndWritesKeysAsHexadecimalText) {
    nst_ns_switch event{};
    event.header.kind = NST_KIND_ns_switch;
    event.task = {.key = 0xFEDCBA9876543210, .start_boottime_ns = 5, .tid = 7, .tgid = 7};
    event.via = NST_switch_via_exit;
    const auto buffer = EventBuffer::make(event);
    const json form = json::parse(to_json(*buffer.event()));
    EXPECT_EQ(form["via"], "exit");
    EXPECT_EQ(form["task"]["key"], "fedcba9876543210");
    EXPECT_TRUE(form["before"].is_null());
    EXPECT_TRUE(form["after"].is_null());
}

TEST(Json, KeepsWhatAZombieStillRefersTo) {
    // Its nsproxy is NULL; its pid namespace and its user namespace are not.
    nst_task_seen zombie{};
    zombie.header.kind = NST_KIND_task_seen;
    zombie.ns.pid = 11;
    zombie.ns.user = 12;
    zombie.exit_state = exit_zombie;
    const auto buffer = EventBuffer::make(zombie);
    const auto again = parse_event(to_json(*buffer.event()));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->event()->as<nst_task_seen>().ns.pid, 11U);
    EXPECT_EQ(again->event()->as<nst_task_seen>().ns.user, 12U);
    EXPECT_EQ(again->event()->as<nst_task_seen>().ns.nsproxy, 0U);
}

TEST(Json, AnyNameThatATaskCanHaveCanBeReadBack) {
    // prctl(PR_SET_NAME) takes any bytes and cuts at the 15th, in the middle of a character.
    std::mt19937 random(3);
    std::vector<std::string> names = {
        std::string(15, '\xFF'),   "ääääääää", "aääääääää", "€€€€€€", "𝄞𝄞𝄞𝄞𝄞",
        "\xEF\xBF\xBD\xEF\xBF\xBD"};
    for (int i = 0; i < 2000; i++) {
        std::string name;
        for (int at = 0; at < 15; at++) {
            name += static_cast<char>(1 + random() % 255);
        }
        names.push_back(name);
    }
    for (const std::string& name : names) {
        nst_task_rename event{};
        event.header.kind = NST_KIND_task_rename;
        name.copy(event.comm, 15);
        const auto buffer = EventBuffer::make(event);
        const std::string text = to_json(*buffer.event());
        const auto again = parse_event(text);
        ASSERT_TRUE(again) << again.error().line() << '\n' << text;
        EXPECT_EQ(to_json(*again->event()), text);
    }
}

std::string refusal(const std::string& text) {
    const auto event = parse_event(text);
    return event ? "" : event.error().line();
}

TEST(ParseEvent, RefusesWhatIsNoEvent) {
    for (const char* text : {"", " ", "null", "[]", "7", "\"mark\"", "{", "{}{}", "{\"kind\":7}",
                             "{\"kind\":\"mark\"", "\xFF"}) {
        EXPECT_NE(refusal(text), "") << text;
    }
    EXPECT_NE(refusal(R"({"kind":"no_such"})").find("no_such"), std::string::npos);
}

/// Whether a JSON value says that nothing is known, or nothing is there.
bool says_nothing(const json& value) {
    return value.is_null() || value == 0 || value == "" || value == "none" || value.empty();
}

TEST(ParseEvent, AFieldThatIsMissingIsUnknown) {
    // A stream may be older than a field. What every event ever had must be there.
    Extremes extremes;
    for (const EventBuffer& buffer : every_kind(extremes)) {
        const json whole = json::parse(to_json(*buffer.event()));
        for (const auto& [name, value] : whole.items()) {
            json less = whole;
            less.erase(name);
            const std::string error = refusal(less.dump());
            const bool required =
                name == "kind" || name == "at_boot_ns" || name == "cpu" || name == "seq";
            if (required || name == "levels" || value.is_array()) {
                EXPECT_NE(error, "") << less.dump();
                continue;
            }
            ASSERT_EQ(error, "") << less.dump();
            const auto again = parse_event(less.dump());
            const json read = json::parse(to_json(*again->event()));
            if (!read.at(name).is_object()) {
                EXPECT_TRUE(says_nothing(read.at(name))) << name << " of " << read.dump();
            }
        }
    }
    EXPECT_NE(refusal(R"({"kind":"mark","cpu":0,"seq":0,"what":1,"round":1})").find("at_boot_ns"),
              std::string::npos);
}

TEST(ParseEvent, AFieldThatIsMissingInAnElementIsUnknown) {
    // pid_request before it had last_pid.
    const auto old = parse_event(R"({"kind":"alloc_pid","at_boot_ns":1,"cpu":0,"seq":2,"levels":1,)"
                                 R"("vpids":[{"pid_namespace":4,"nr":5,"asked":null}]})");
    ASSERT_TRUE(old) << old.error().line();
    const auto numbers = old->event()->tail<nst_alloc_pid, nst_pid_request>();
    ASSERT_EQ(numbers.size(), 1U);
    EXPECT_EQ(numbers[0].nr, 5U);
    EXPECT_EQ(numbers[0].last_pid, 0U);
}

TEST(ParseEvent, NamesTheFieldThatItDoesNotKnow) {
    Extremes extremes;
    for (const EventBuffer& buffer : every_kind(extremes)) {
        json more = json::parse(to_json(*buffer.event()));
        more["no_such_field"] = 1;
        EXPECT_NE(refusal(more.dump()).find("no_such_field"), std::string::npos) << more.dump();
    }
    EXPECT_NE(refusal(R"({"kind":"task_free","at_boot_ns":1,"cpu":0,"seq":2,"task":{"tidd":4}})")
                  .find("tidd"),
              std::string::npos);
    EXPECT_NE(refusal(R"({"kind":"free_pid","at_boot_ns":1,"cpu":0,"seq":2,"levels":1,)"
                      R"("vpids":[{"asked":4}]})")
                  .find("asked"),
              std::string::npos);
}

TEST(ParseEvent, NamesTheFieldThatIsWrong) {
    const std::string good =
        R"({"kind":"task_free","at_boot_ns":1,"cpu":0,"seq":2,"task":{"key":"a","start_boottime_ns":3,"tid":4,"tgid":5}})";
    ASSERT_EQ(refusal(good), "");
    const auto with = [&](const char* from, const char* to) {
        std::string text = good;
        text.replace(text.find(from), std::string(from).size(), to);
        return refusal(text);
    };
    EXPECT_NE(with("\"tid\":4", "\"tid\":-1").find("tid"), std::string::npos);
    EXPECT_NE(with("\"tid\":4", "\"tid\":4294967296").find("tid"), std::string::npos);
    EXPECT_NE(with("\"tid\":4", "\"tid\":1.5").find("tid"), std::string::npos);
    EXPECT_NE(with("\"tid\":4", "\"tid\":\"4\"").find("tid"), std::string::npos);
    EXPECT_NE(with("\"tid\":4", "\"tid\":\"\"").find("tid"), std::string::npos);
    EXPECT_NE(with("\"tid\":4", "\"tid\":true").find("tid"), std::string::npos);
    EXPECT_NE(with("\"tid\":4", "\"tid\":[4]").find("tid"), std::string::npos);
    EXPECT_NE(with("\"cpu\":0", "\"cpu\":65536").find("cpu"), std::string::npos);
    EXPECT_NE(with("\"key\":\"a\"", "\"key\":\"xyz\"").find("key"), std::string::npos);
    EXPECT_NE(with("\"key\":\"a\"", "\"key\":\"\"").find("key"), std::string::npos);
    EXPECT_NE(with("\"key\":\"a\"", "\"key\":\"10000000000000000\"").find("key"),
              std::string::npos);
    EXPECT_NE(with("{\"key\"", "7,\"x\":{\"key\"").find("task"), std::string::npos);
}

TEST(ParseEvent, RefusesATailThatIsNotAsLongAsItSays) {
    const auto freed = [](const std::string& levels, const std::string& vpids) {
        return refusal(
            R"({"kind":"free_pid","at_boot_ns":1,"cpu":0,"seq":2,"pid_key":"a","levels":)" +
            levels + R"(,"actor_tid":1,"vpids":)" + vpids + "}");
    };
    const std::string one = R"({"pid_namespace":4,"nr":5})";
    EXPECT_EQ(freed("1", "[" + one + "]"), "");
    EXPECT_EQ(freed("0", "[]"), "");
    EXPECT_NE(freed("2", "[" + one + "]"), "");
    EXPECT_NE(freed("0", "[" + one + "]"), "");
    EXPECT_NE(freed("1", one), "");
    EXPECT_NE(freed("1", "[7]"), "");
    EXPECT_NE(freed("1", "null"), "");
    std::string many = "[" + one;
    for (int i = 1; i < 34; i++) {
        many += "," + one;
    }
    EXPECT_NE(freed("34", many + "]"), "");
}

TEST(ParseEvent, TakesValuesByNameOrNumber) {
    const auto mark = [](const std::string& what) {
        return parse_event(R"({"kind":"mark","at_boot_ns":1,"cpu":0,"seq":2,"what":)" + what +
                           R"(,"round":1})");
    };
    EXPECT_EQ(mark("\"snapshot_end\"")->event()->as<nst_mark>().what, 2U);
    EXPECT_EQ(mark("2")->event()->as<nst_mark>().what, 2U);
    EXPECT_EQ(mark("77")->event()->as<nst_mark>().what, 77U);
    EXPECT_FALSE(mark("\"snapshot\""));
}

}  // namespace
}  // namespace nstrail::test
