// SPDX-License-Identifier: Apache-2.0
// base/text: how times and strings are written.
#include "base/text.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace nstrail::test {
namespace {

constexpr const char* replacement = "\xEF\xBF\xBD";  // U+FFFD

TEST(Rfc3339, IsUtcWithNanoseconds) {
    EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
    EXPECT_EQ(rfc3339(1'700'000'000'000'000'001), "2023-11-14T22:13:20.000000001Z");
    EXPECT_EQ(rfc3339(951'782'399'999'999'999), "2000-02-28T23:59:59.999999999Z");
    EXPECT_EQ(rfc3339(951'782'400'000'000'000), "2000-02-29T00:00:00.000000000Z");
    EXPECT_EQ(rfc3339(UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
}

TEST(BootSeconds, AreWrittenAsDmesgDoes) {
    EXPECT_EQ(boot_seconds(0), "0.000000");
    EXPECT_EQ(boot_seconds(999), "0.000000");
    EXPECT_EQ(boot_seconds(12'345'678'901), "12.345678");
}

TEST(Duration, HasTwoUnitsAtMost) {
    EXPECT_EQ(duration(0), "0.0s");
    EXPECT_EQ(duration(4'250'000'000), "4.2s");
    EXPECT_EQ(duration(59'999'999'999), "59.9s");
    EXPECT_EQ(duration(723'000'000'000), "12m03s");
    EXPECT_EQ(duration(3'600'000'000'000), "1h00m");
    EXPECT_EQ(duration(3ULL * 86'400'000'000'000 + 4ULL * 3'600'000'000'000), "3d04h");
}

TEST(JsonQuote, EscapesWhatJsonAsksFor) {
    EXPECT_EQ(json_quote(""), R"("")");
    EXPECT_EQ(json_quote("bash"), R"("bash")");
    EXPECT_EQ(json_quote(R"(a"b\c)"), R"("a\"b\\c")");
    EXPECT_EQ(json_quote(std::string_view("\0\n\x1B\x7F", 4)), R"("\u0000\u000a\u001b\u007f")");
}

TEST(JsonQuote, KeepsUtf8) {
    const std::string text = "é€𝄞ß";
    EXPECT_EQ(json_quote(text), '"' + text + '"');
}

TEST(JsonQuote, ReplacesBytesThatAreNotUtf8) {
    const auto one = [](std::string_view bytes) { return json_quote(bytes); };
    const std::string quoted = std::string("\"") + replacement;
    EXPECT_EQ(one("\xFF"), quoted + "\"");
    EXPECT_EQ(one("\xC3"), quoted + "\"");    // cut off, as a comm of 15 bytes may be
    EXPECT_EQ(one("\xC3("), quoted + "(\"");  // not continued
    EXPECT_EQ(one("\x80x"), quoted + "x\"");  // a continuation alone
    EXPECT_EQ(one("\xC0\x80"), quoted + replacement + "\"");  // overlong
    EXPECT_EQ(one("\xE0\x80\x80"), quoted + replacement + replacement + "\"");
    EXPECT_EQ(one("\xED\xA0\x80"), quoted + replacement + replacement + "\"");  // a surrogate
    EXPECT_EQ(one("\xF4\x90\x80\x80").size(), 2 + 4 * 3);                       // above U+10FFFF
}

TEST(JsonQuote, AlwaysGivesWhatAParserAccepts) {
    // Every pair of bytes, and the three-byte strings that begin a long sequence.
    for (unsigned first = 1; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            for (const char third : {'\x80', '\xBF', 'x'}) {
                const std::string bytes{static_cast<char>(first), static_cast<char>(second), third};
                ASSERT_TRUE(nlohmann::json::accept(json_quote(bytes))) << first << ' ' << second;
            }
        }
    }
}

TEST(Printable, LeavesNothingThatMovesACursor) {
    EXPECT_EQ(printable("bash"), "bash");
    EXPECT_EQ(printable("é€𝄞"), "é€𝄞");
    EXPECT_EQ(printable("\x1B[2J\r\n\t\x7F"), "?[2J????");
    EXPECT_EQ(printable("\xC2\x9B"
                        "2J"),
              "?2J");                              // CSI as one character
    EXPECT_EQ(printable("\xC2\xA0"), "\xC2\xA0");  // the first that is no control character
    EXPECT_EQ(printable("\xFF\xC3"), "??");
}

TEST(ErrnoName, IsTheKernels) {
    EXPECT_EQ(errno_name(EINVAL), "EINVAL");
    EXPECT_EQ(errno_name(EEXIST), "EEXIST");
    EXPECT_EQ(errno_name(0), "errno 0");
    EXPECT_EQ(errno_name(4711), "errno 4711");
}

TEST(Error, IsOneLineOfWhatWhyAndNext) {
    EXPECT_EQ(fail("open x", ENOENT).error().line(), "open x: No such file or directory");
    EXPECT_EQ(fail("open x", -ENOENT).error().line(), "open x: No such file or directory");
    EXPECT_EQ(fail("open x", "gone", "make it").error().line(), "open x: gone; make it");
    EXPECT_EQ((Error{.what = "open x", .why = "", .next = ""}.line()), "open x");
}

TEST(Fd, ClosesWhatItOwnsOnce) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    Fd reader(ends[0]);
    {
        Fd writer(ends[1]);
        const Fd moved(std::move(writer));
        EXPECT_FALSE(writer);
        EXPECT_TRUE(moved);
    }
    char byte = 0;
    EXPECT_EQ(read(reader.get(), &byte, 1), 0);  // the other end is closed
    reader = Fd();
    EXPECT_FALSE(reader);
}

}  // namespace
}  // namespace nstrail::test
