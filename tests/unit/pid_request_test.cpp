// SPDX-License-Identifier: Apache-2.0
// model/pid_request: what alloc_pid() would say to chosen pids.
#include "model/pid_request.hpp"

#include <cerrno>
#include <map>

#include <gtest/gtest.h>

namespace nstrail::test {
namespace {

constexpr std::uint32_t inner = 4026532201;
constexpr std::uint32_t middle = 4026532100;
constexpr std::uint32_t host = 4026531836;
constexpr std::uint32_t user = 4026531837;

/// A namespace that grants everything; number 1 is taken by its init.
PidLevel willing(std::uint32_t inum, std::map<std::uint32_t, std::string> taken = {}) {
    taken.try_emplace(1, "tid 4242 (init)");
    return {.pid_namespace = inum,
            .level = inum == host     ? 0
                     : inum == middle ? 1
                                      : 2,
            .owner = user,
            .last_pid = 100,
            .pid_max = 32768,
            .used = 3,
            .has_reaper = true,
            .adding = true,
            .capable = true,
            .use = [taken](std::uint32_t number) -> NumberUse {
                const auto at = taken.find(number);
                if (at == taken.end()) {
                    return {.state = NumberUse::State::free, .by = {}};
                }
                return {.state = NumberUse::State::taken, .by = at->second};
            },
            .reaper = "tid 4242 (init)"};
}

class Requested : public testing::Test {
protected:
    std::vector<PidLevel> levels{willing(inner, {{7, "tid 812 (nginx)"}}), willing(middle),
                                 willing(host, {{812, "tid 812 (nginx)"}})};
    bool all_levels = true;

    [[nodiscard]] RequestVerdict check(const std::vector<std::int32_t>& asked) const {
        return check_pid_request(levels, all_levels, asked);
    }
    void expect_possible(const std::vector<std::int32_t>& asked) const {
        const RequestVerdict verdict = check(asked);
        EXPECT_EQ(verdict.whole.answer, PidAnswer::possible) << in_words(verdict, levels);
        EXPECT_EQ(verdict.whole.error, 0);
        EXPECT_EQ(verdict.whole.because, "");
        EXPECT_EQ(verdict.level, std::nullopt);
        EXPECT_EQ(verdict.levels.size(), asked.size());
    }
    void expect_refused(const std::vector<std::int32_t>& asked, int error,
                        std::optional<std::size_t> level, const std::string& because) const {
        const RequestVerdict verdict = check(asked);
        EXPECT_EQ(verdict.whole.answer, PidAnswer::refused);
        EXPECT_EQ(verdict.whole.error_certain ? verdict.whole.error : 0, error)
            << in_words(verdict, levels);
        EXPECT_EQ(verdict.level, level) << in_words(verdict, levels);
        EXPECT_NE(verdict.whole.because.find(because), std::string::npos) << verdict.whole.because;
    }
    void expect_unknown(const std::vector<std::int32_t>& asked, std::optional<std::size_t> level,
                        const std::string& because) const {
        const RequestVerdict verdict = check(asked);
        EXPECT_EQ(verdict.whole.answer, PidAnswer::unknown);
        EXPECT_EQ(verdict.whole.error, 0);
        EXPECT_EQ(verdict.level, level) << in_words(verdict, levels);
        EXPECT_NE(verdict.whole.because.find(because), std::string::npos) << verdict.whole.because;
    }
};

TEST_F(Requested, OfFreeNumbersIsPossible) {
    expect_possible({8});
    expect_possible({8, 9});
    expect_possible({8, 9, 10});
    expect_possible({32767, 32767, 32767});
    expect_possible({});
}

TEST_F(Requested, OfMoreNumbersThanNamespaces) {
    expect_refused({8, 9, 10, 11}, EINVAL, std::nullopt, "4 numbers for 3 nested pid namespaces");
    EXPECT_TRUE(check({8, 9, 10, 11}).levels.empty());
    // Before anything else is looked at.
    expect_refused({0, 9, 10, 11}, EINVAL, std::nullopt, "4 numbers for 3");
    levels.resize(1);
    expect_refused({8, 9}, EINVAL, std::nullopt, "2 numbers for 1 nested pid namespace");
}

TEST_F(Requested, OfMoreNumbersThanClone3Takes) {
    std::vector<PidLevel> many;
    many.reserve(33);
    for (std::uint32_t i = 0; i < 33; i++) {
        many.push_back(willing(inner + i));
    }
    levels = many;
    expect_possible(std::vector<std::int32_t>(32, 50));
    expect_refused(std::vector<std::int32_t>(33, 50), EINVAL, std::nullopt,
                   "33 numbers, and clone3 takes 32 at most");
}

TEST_F(Requested, OfNumbersThatAreNoPids) {
    expect_refused({0}, EINVAL, 0, "0 is no pid");
    expect_refused({-7}, EINVAL, 0, "-7 is no pid");
    expect_refused({8, 0}, EINVAL, 1, "0 is no pid");
    expect_refused({8, 9, 32768}, EINVAL, 2, "32768 is not below pid_max, which is 32768");
    expect_refused({INT32_MAX}, EINVAL, 0, "not below pid_max");
}

TEST_F(Requested, WithoutAnInit) {
    levels[0] = willing(inner);
    levels[0].has_reaper = false;
    levels[0].use = [](std::uint32_t) {
        return NumberUse{.state = NumberUse::State::free, .by = {}};
    };
    expect_refused({8}, EINVAL, 0, "its first number must be 1");
    expect_possible({1});
    expect_possible({1, 9, 10});
}

TEST_F(Requested, WithoutTheCapability) {
    levels[1].capable = false;
    expect_possible({8});
    expect_refused({8, 9}, EPERM, 1, "CAP_CHECKPOINT_RESTORE");
    expect_refused({8, 9}, EPERM, 1, "user:[4026531837]");
    levels[1].owner = std::nullopt;
    expect_refused({8, 9}, EPERM, 1, "over the owning user namespace");
}

TEST_F(Requested, OfATakenNumber) {
    expect_refused({7}, EEXIST, 0, "7 is taken by tid 812 (nginx)");
    expect_refused({8, 9, 812}, EEXIST, 2, "812 is taken by tid 812 (nginx)");
    expect_refused({1}, EEXIST, 0, "1 is taken by tid 4242 (init)");
    levels[0].use = [](std::uint32_t) {
        return NumberUse{.state = NumberUse::State::taken, .by = {}};
    };
    expect_refused({5}, EEXIST, 0, "taken by something that cannot be seen");
}

TEST_F(Requested, InADeadNamespace) {
    levels[0].adding = false;
    // child_reaper still points to the init that was, and the numbers are found first.
    expect_refused({8}, ENOMEM, std::nullopt, "dead");
    expect_refused({}, ENOMEM, std::nullopt, "dead");
    expect_refused({0}, EINVAL, 0, "no pid");
    expect_refused({8, 9, 812}, EEXIST, 2, "taken");
    // Only the innermost is asked.
    levels[0].adding = true;
    levels[1].adding = false;
    expect_possible({8, 9});
}

TEST_F(Requested, TestsOfOneLevelComeInTheKernelsOrder) {
    PidLevel& level = levels[0];
    level = willing(inner, {{40000, "tid 9"}, {7, "tid 8"}});
    level.capable = false;
    level.has_reaper = false;
    level.adding = false;
    expect_refused({40000}, EINVAL, 0, "pid_max");
    expect_refused({7}, EINVAL, 0, "must be 1");
    expect_refused({1}, EPERM, 0, "CAP_");
    level.has_reaper = true;
    expect_refused({7}, EPERM, 0, "CAP_");
    level.capable = true;
    expect_refused({7}, EEXIST, 0, "taken");
    expect_refused({8}, ENOMEM, std::nullopt, "dead");
}

TEST_F(Requested, LevelsComeInnermostFirst) {
    // EEXIST inside comes before EINVAL outside, whatever the order of tests within a level.
    expect_refused({7, 0, 0}, EEXIST, 0, "7 is taken");
    levels[1].capable = false;
    expect_refused({8, 9, 0}, EPERM, 1, "CAP_");
    const RequestVerdict verdict = check({7, 9, 812});
    EXPECT_EQ(verdict.levels[0].error, EEXIST);
    EXPECT_EQ(verdict.levels[1].error, EPERM);
    EXPECT_EQ(verdict.levels[2].error, EEXIST);
}

TEST_F(Requested, WhatIsNotKnownIsNotGuessed) {
    levels[0].use = nullptr;
    expect_unknown({8}, 0, "whether 8 is free");
    levels[0] = willing(inner);
    levels[0].use = [](std::uint32_t) { return NumberUse{}; };
    expect_unknown({8}, 0, "whether 8 is free");
    levels[0] = willing(inner);
    levels[0].capable = std::nullopt;
    expect_unknown({8}, 0, "CAP_CHECKPOINT_RESTORE");
    levels[0] = willing(inner);
    levels[0].has_reaper = std::nullopt;
    expect_unknown({8}, 0, "has had an init");
    levels[0] = willing(inner);
    levels[0].pid_max = std::nullopt;
    expect_unknown({400}, 0, "pid_max");
    levels[0] = willing(inner);
    levels[0].adding = std::nullopt;
    expect_unknown({8, 9}, std::nullopt, "still takes processes");
}

TEST_F(Requested, WhatIsNotKnownDoesNotAlwaysMatter) {
    // No pid_max is below 301 (RESERVED_PIDS).
    levels[0].pid_max = std::nullopt;
    expect_possible({300});
    expect_unknown({301}, 0, "pid_max");
    expect_refused({0}, EINVAL, 0, "no pid");
    // Number 1 needs no init.
    levels[0] = willing(inner);
    levels[0].has_reaper = std::nullopt;
    expect_refused({1}, EEXIST, 0, "taken");
    // A level that no number is asked for.
    levels[2] = {.pid_namespace = host,
                 .level = {},
                 .owner = {},
                 .last_pid = {},
                 .pid_max = {},
                 .used = {},
                 .has_reaper = {},
                 .adding = {},
                 .capable = {},
                 .use = {},
                 .reaper = {}};
    levels[0].has_reaper = true;
    expect_possible({8, 9});
}

TEST_F(Requested, ARefusalAfterADoubtIsCertainButNotItsErrno) {
    levels[0].capable = std::nullopt;
    expect_refused({7}, 0, 0, "7 is taken");
    expect_refused({8, 0}, 0, 1, "0 is no pid");
    expect_refused({8, 9, 812}, 0, 2, "812 is taken");
    // Two doubts about one errno are one.
    levels[0] = willing(inner);
    levels[0].pid_max = std::nullopt;
    levels[0].has_reaper = false;
    expect_refused({400}, EINVAL, 0, "must be 1");
    levels[0].adding = false;
    levels[0].has_reaper = true;
    expect_refused({400}, 0, std::nullopt, "dead");
}

TEST_F(Requested, BeyondWhatCanBeSeen) {
    all_levels = false;
    expect_possible({8, 9, 10});
    expect_unknown({8, 9, 10, 11}, 3, "nothing can be seen");
    expect_refused({8, 0, 10, 11}, EINVAL, 1, "no pid");
    EXPECT_EQ(check({8, 9, 10, 11}).levels.size(), 4U);
    EXPECT_EQ(in_words(check({8, 9, 10, 11}), levels).substr(0, 8), "unknown:");
}

TEST_F(Requested, SaysItInWords) {
    EXPECT_EQ(in_words(check({8, 9}), levels), "possible");
    EXPECT_EQ(in_words(check({7}), levels),
              "EEXIST at level 2 (pid:[4026532201]): 7 is taken by tid 812 (nginx)");
    EXPECT_EQ(in_words(check({8, 9, 812}), levels),
              "EEXIST at level 0 (pid:[4026531836]): 812 is taken by tid 812 (nginx)");
    EXPECT_EQ(in_words(check({8, 9, 10, 11}), levels),
              "EINVAL: 4 numbers for 3 nested pid namespaces");
    levels[0].capable = std::nullopt;
    EXPECT_EQ(in_words(check({7}), levels),
              "refused at level 2 (pid:[4026532201]): 7 is taken by tid 812 (nginx)");
    EXPECT_EQ(in_words(check({8}), levels).substr(0, 35), "unknown at level 2 (pid:[4026532201");
    EXPECT_EQ(answer_name(PidAnswer::refused), "refused");
}

TEST_F(Requested, WordsLeaveOutWhatIsNotKnown) {
    levels[0].level = std::nullopt;
    EXPECT_EQ(in_words(check({7}), levels),
              "EEXIST in pid:[4026532201]: 7 is taken by tid 812 (nginx)");
    levels[0].pid_namespace = 0;
    EXPECT_EQ(in_words(check({7}), levels), "EEXIST: 7 is taken by tid 812 (nginx)");
    levels[0].level = 2;
    EXPECT_EQ(in_words(check({7}), levels), "EEXIST at level 2: 7 is taken by tid 812 (nginx)");
}

TEST_F(Requested, RefusalsAreExplainedByWhatIsKnown) {
    const auto explain = [&](int error, const std::vector<std::int32_t>& asked) {
        return explain_refusal(error, levels, all_levels, asked);
    };
    EXPECT_EQ(explain(EEXIST, {8, 9, 812}),
              "EEXIST at level 0 (pid:[4026531836]): 812 is taken by tid 812 (nginx)");
    EXPECT_EQ(explain(EINVAL, {8, 9, 10, 11}), "EINVAL: 4 numbers for 3 nested pid namespaces");
    EXPECT_EQ(explain(EINVAL, {8, 0, 812}),
              "EINVAL at level 1 (pid:[4026532100]): 0 is no pid: "
              "they begin at 1");
    // The kernel's errno picks among several reasons: the first did not hold when it was asked.
    EXPECT_EQ(explain(EINVAL, {7, 0, 10}).substr(0, 17), "EINVAL at level 1");
    levels[1].capable = false;
    EXPECT_EQ(explain(EPERM, {7, 9}).substr(0, 16), "EPERM at level 1");
    // Which numbers are free is often not known; who has one often is.
    levels[1].capable = true;
    levels[0].use = [](std::uint32_t) { return NumberUse{}; };
    levels[1].use = [](std::uint32_t) { return NumberUse{}; };
    EXPECT_EQ(explain(EEXIST, {8, 9, 812}).substr(0, 17), "EEXIST at level 0");
    levels[2].capable = std::nullopt;
    EXPECT_EQ(explain(EEXIST, {8, 9, 812}).substr(0, 17), "EEXIST at level 0");
    EXPECT_EQ(explain(EPERM, {8, 9, 812}).substr(0, 20), "EPERM: no capability");
    levels[0].adding = false;
    levels[2].capable = true;
    EXPECT_EQ(explain(ENOMEM, {8, 9}),
              "ENOMEM: the namespace is dead: its init is gone, or its first fork failed");
}

TEST_F(Requested, RefusalsThatNothingKnownExplains) {
    const auto explain = [&](int error) {
        return explain_refusal(error, levels, all_levels, std::vector<std::int32_t>{8, 9});
    };
    EXPECT_NE(explain(EEXIST).find("EEXIST: one of the numbers is taken"), std::string::npos);
    EXPECT_NE(explain(EPERM).find("EPERM: no capability"), std::string::npos);
    EXPECT_NE(explain(ENOMEM).find("ENOMEM: the namespace is dead"), std::string::npos);
    EXPECT_NE(explain(EAGAIN).find("RLIMIT_NPROC"), std::string::npos);
    EXPECT_NE(explain(ENOSYS).find("no clone3()"), std::string::npos);
    EXPECT_NE(explain(EIO).find("EIO: nothing about the numbers"), std::string::npos);
    EXPECT_NE(explain(EINVAL).find("EINVAL: nothing that is known"), std::string::npos);
    all_levels = false;
    EXPECT_NE(explain(EINVAL).find("(3 can be seen)"), std::string::npos);
}

TEST(PidVectorText, IsParsed) {
    using Numbers = std::vector<std::int32_t>;
    EXPECT_EQ(parse_pid_vector("7"), Numbers{7});
    EXPECT_EQ(parse_pid_vector("7:31:812"), (Numbers{7, 31, 812}));
    // What the kernel refuses is still a number.
    EXPECT_EQ(parse_pid_vector("0:-1:2147483647"), (Numbers{0, -1, INT32_MAX}));
    EXPECT_EQ(parse_pid_vector("007"), Numbers{7});
}

TEST(PidVectorText, ErrorsNameTheElement) {
    const auto why = [](std::string_view text) { return parse_pid_vector(text).error().why; };
    EXPECT_EQ(why(""), "there are none");
    EXPECT_EQ(why(":"), "number 1 of them is missing");
    EXPECT_EQ(why("7:"), "number 2 of them is missing");
    EXPECT_EQ(why("7::812"), "number 2 of them is missing");
    EXPECT_EQ(why("7:x:812"), "number 2 of them, 'x', is not a number");
    EXPECT_EQ(why("7:31x"), "number 2 of them, '31x', is not a number");
    EXPECT_EQ(why("7: 31"), "number 2 of them, ' 31', is not a number");
    EXPECT_EQ(why("+7"), "number 1 of them, '+7', is not a number");
    EXPECT_EQ(why("7,31"), "number 1 of them, '7,31', is not a number");
    EXPECT_EQ(why("0x10"), "number 1 of them, '0x10', is not a number");
    EXPECT_EQ(why("1:2147483648"), "number 2 of them, '2147483648', fits no pid");
    EXPECT_EQ(why("99999999999999999999x"),
              "number 1 of them, '99999999999999999999x', fits no pid");
    EXPECT_EQ(why("\x1B[2J"), "number 1 of them, '?[2J', is not a number");
    EXPECT_EQ(parse_pid_vector("7:").error().line(),
              "understand the pids '7:': number 2 of them is missing; name them innermost first, "
              "e.g. 7:31:812");
}

TEST(PidVectorText, OfLastPids) {
    std::vector<PidLevel> levels{willing(inner), willing(middle), willing(host)};
    levels[0].last_pid = 7;
    levels[1].last_pid = std::nullopt;
    levels[2].last_pid = 812;
    EXPECT_EQ(last_pid_vector(levels), "7:?:812");
    EXPECT_EQ(last_pid_vector({}), "");
}

}  // namespace
}  // namespace nstrail::test
