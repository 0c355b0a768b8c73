// SPDX-License-Identifier: Apache-2.0
#include "model/pid_request.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "base/text.hpp"

namespace nstrail {

namespace {

/// MAX_PID_NS_LEVEL: copy_clone_args_from_user() takes no more numbers than this.
constexpr std::size_t most_numbers = 32;
/// RESERVED_PIDS + 1, below which no pid_max can be set.
constexpr std::uint32_t least_pid_max = 301;

/// One of the kernel's tests: nothing = its outcome is not known.
struct Test {
    int error;
    std::optional<bool> passed;
    std::string refusal;  ///< why, if it has not passed
    std::string doubt;    ///< what is not known
};

/// The first failure counts, if nothing before it might fail in another way.
NumberVerdict first_failure(std::span<const Test> tests) {
    const Test* doubtful = nullptr;
    for (const Test& test : tests) {
        if (test.passed == false) {
            return {.answer = PidAnswer::refused,
                    .error = test.error,
                    .error_certain = doubtful == nullptr || doubtful->error == test.error,
                    .because = test.refusal};
        }
        if (!test.passed && doubtful == nullptr) {
            doubtful = &test;
        }
    }
    if (doubtful != nullptr) {
        return {.answer = PidAnswer::unknown,
                .error = 0,
                .error_certain = true,
                .because = doubtful->doubt};
    }
    return {};
}

std::optional<bool> below_pid_max(std::int32_t number, const PidLevel& level) {
    const auto value = static_cast<std::uint32_t>(number);
    if (number < 1) {
        return false;
    }
    if (level.pid_max) {
        return value < *level.pid_max;
    }
    return value < least_pid_max ? std::optional(true) : std::nullopt;
}

NumberVerdict check_number(const PidLevel& level, std::int32_t number) {
    const NumberUse use =
        number >= 1 && level.use ? level.use(static_cast<std::uint32_t>(number)) : NumberUse{};
    const auto is_free = use.state == NumberUse::State::unknown
                             ? std::nullopt
                             : std::optional(use.state == NumberUse::State::free);
    const Test tests[] = {
        {.error = EINVAL,
         .passed = below_pid_max(number, level),
         .refusal = number < 1 ? fmt::format("{} is no pid: they begin at 1", number)
                               : fmt::format("{} is not below pid_max, which is {}", number,
                                             level.pid_max.value_or(0)),
         .doubt = fmt::format("pid_max there is not known, and {} may be too large", number)},
        {.error = EINVAL,
         .passed = number == 1 ? std::optional(true) : level.has_reaper,
         .refusal = "the namespace has no init yet, and its first number must be 1",
         .doubt = "it is not known whether the namespace has had an init, without which the number "
                  "must be 1"},
        {.error = EPERM,
         .passed = level.capable,
         .refusal = level.owner
                        ? fmt::format("neither CAP_CHECKPOINT_RESTORE nor CAP_SYS_ADMIN over the "
                                      "owning user namespace, user:[{}]",
                                      *level.owner)
                        : "neither CAP_CHECKPOINT_RESTORE nor CAP_SYS_ADMIN over the owning user "
                          "namespace",
         .doubt = "it is not known whether the caller has CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN "
                  "over the owning user namespace"},
        {.error = EEXIST,
         .passed = is_free,
         .refusal = fmt::format("{} is taken by {}", number,
                                use.by.empty() ? "something that cannot be seen" : use.by),
         .doubt = fmt::format("it is not known whether {} is free", number)}};
    return first_failure(tests);
}

/// After all numbers have been found: alloc_pid() looks at the innermost namespace alone, since
/// those above a living one live.
NumberVerdict check_adding(const PidLevel& innermost) {
    const Test tests[] = {
        {.error = ENOMEM,
         .passed = innermost.adding,
         .refusal = "the namespace is dead: its init is gone, or its first fork failed",
         .doubt = "it is not known whether the namespace still takes processes"}};
    return first_failure(tests);
}

std::string place(const PidLevel& level) {
    std::string text = level.level ? fmt::format(" at level {}", *level.level) : "";
    if (level.pid_namespace != 0) {
        text += fmt::format(" {}pid:[{}]{}", level.level ? "(" : "in ", level.pid_namespace,
                            level.level ? ")" : "");
    }
    return text;
}

NumberVerdict refused(std::string because) {
    return {.answer = PidAnswer::refused,
            .error = EINVAL,
            .error_certain = true,
            .because = std::move(because)};
}

}  // namespace

std::string_view answer_name(PidAnswer answer) {
    switch (answer) {
        case PidAnswer::possible:
            return "possible";
        case PidAnswer::refused:
            return "refused";
        case PidAnswer::unknown:
            return "unknown";
    }
    __builtin_unreachable();
}

RequestVerdict check_pid_request(std::span<const PidLevel> levels, bool all_levels,
                                 std::span<const std::int32_t> asked) {
    RequestVerdict out;
    if (asked.size() > most_numbers) {
        out.whole = refused(
            fmt::format("{} numbers, and clone3 takes {} at most", asked.size(), most_numbers));
        return out;
    }
    if (asked.size() > levels.size() && all_levels) {
        out.whole = refused(fmt::format("{} numbers for {} nested pid namespace{}", asked.size(),
                                        levels.size(), levels.size() == 1 ? "" : "s"));
        return out;
    }
    for (std::size_t i = 0; i < asked.size(); i++) {
        out.levels.push_back(i < levels.size()
                                 ? check_number(levels[i], asked[i])
                                 : NumberVerdict{.answer = PidAnswer::unknown,
                                                 .error = 0,
                                                 .error_certain = true,
                                                 .because =
                                                     "that far out nothing can be seen from here, "
                                                     "nor whether there is a namespace"});
    }
    // What is not known may fail first, in another way.
    bool doubt = false;
    const auto decide = [&](const NumberVerdict& verdict, std::optional<std::size_t> level) {
        if (verdict.answer == PidAnswer::refused) {
            out.whole = verdict;
            out.whole.error_certain = verdict.error_certain && !doubt;
            out.level = level;
            return true;
        }
        if (verdict.answer == PidAnswer::unknown && !doubt) {
            out.whole = verdict;
            out.level = level;
            doubt = true;
        }
        return false;
    };
    for (std::size_t i = 0; i < out.levels.size(); i++) {
        if (decide(out.levels[i], i)) {
            return out;
        }
    }
    decide(check_adding(levels.front()), std::nullopt);
    return out;
}

std::string in_words(const RequestVerdict& verdict, std::span<const PidLevel> levels) {
    const bool named = verdict.whole.answer == PidAnswer::refused && verdict.whole.error_certain;
    std::string text =
        named ? errno_name(verdict.whole.error) : std::string(answer_name(verdict.whole.answer));
    if (verdict.level && *verdict.level < levels.size()) {
        text += place(levels[*verdict.level]);
    }
    return verdict.whole.because.empty() ? text : text + ": " + verdict.whole.because;
}

std::string explain_refusal(int error, std::span<const PidLevel> levels, bool all_levels,
                            std::span<const std::int32_t> asked) {
    RequestVerdict verdict = check_pid_request(levels, all_levels, asked);
    if (verdict.whole.error == error && !verdict.level) {
        verdict.whole.error_certain = true;
        return in_words(verdict, levels);
    }
    // The innermost reason that goes with the errno. What is not known may be a better one, but
    // this one can be shown.
    const auto shown = std::ranges::find_if(verdict.levels, [&](const NumberVerdict& one) {
        return one.answer == PidAnswer::refused && one.error == error;
    });
    if (shown != verdict.levels.end()) {
        verdict.whole = *shown;
        verdict.whole.error_certain = true;
        verdict.level = static_cast<std::size_t>(shown - verdict.levels.begin());
        return in_words(verdict, levels);
    }
    std::string why;
    switch (error) {
        case EINVAL:
            why = all_levels ? "nothing that is known here leads to it"
                             : fmt::format(
                                   "more numbers than there are nested pid namespaces, or "
                                   "one that is not below its pid_max ({} can be seen)",
                                   levels.size());
            break;
        case EPERM:
            why =
                "no capability over one of the owning user namespaces, or a filter of system "
                "calls";
            break;
        case EEXIST:
            why = "one of the numbers is taken by something that cannot be seen from here";
            break;
        case ENOMEM:
            why =
                "the namespace is dead (its init is gone, or its first fork failed), or memory "
                "is short";
            break;
        case EAGAIN:
            why =
                "a limit on the number of processes: RLIMIT_NPROC, the pids cgroup, or no number "
                "left in a namespace where none was asked for";
            break;
        case E2BIG:
        case ENOSYS:
            why = "this kernel has no clone3() with set_tid, or a filter of system calls hides it";
            break;
        default:
            why = "nothing about the numbers leads to it";
    }
    return errno_name(error) + ": " + why;
}

Result<std::vector<std::int32_t>> parse_pid_vector(std::string_view text) {
    std::vector<std::int32_t> numbers;
    const std::string what = fmt::format("understand the pids '{}'", printable(text));
    const std::string next = "name them innermost first, e.g. 7:31:812";
    if (text.empty()) {
        return fail(what, "there are none", next);
    }
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(':', begin), text.size());
        const std::string_view element = text.substr(begin, end - begin);
        std::int32_t number = 0;
        const auto [stop, error] =
            std::from_chars(element.data(), element.data() + element.size(), number);
        const std::string place = fmt::format("number {} of them", numbers.size() + 1);
        if (element.empty()) {
            return fail(what, place + " is missing", next);
        }
        if (error == std::errc::result_out_of_range) {
            return fail(what, fmt::format("{}, '{}', fits no pid", place, printable(element)),
                        next);
        }
        if (error != std::errc{} || stop != element.data() + element.size()) {
            return fail(what, fmt::format("{}, '{}', is not a number", place, printable(element)),
                        next);
        }
        numbers.push_back(number);
        begin = end + 1;
    }
    return numbers;
}

std::string last_pid_vector(std::span<const PidLevel> levels) {
    std::string text;
    for (const PidLevel& level : levels) {
        text += text.empty() ? "" : ":";
        text += level.last_pid ? std::to_string(*level.last_pid) : "?";
    }
    return text;
}

}  // namespace nstrail
