// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>

#include <sys/eventfd.h>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/hidden.hpp"
#include "app/options.hpp"
#include "app/pipeline.hpp"
#include "app/progress.hpp"
#include "app/screen.hpp"
#include "app/top_loop.hpp"
#include "app/top_recording.hpp"
#include "base/fd.hpp"
#include "sink/board.hpp"

namespace nstrail {

namespace {

using Clock = std::chrono::steady_clock;

// How long the screen waits for the trace before it says so.
constexpr std::chrono::milliseconds patience{1000};
constexpr std::chrono::milliseconds shortest{100};

struct TopCommand {
    TraceOptions trace;
    NotableChoice notable;
    std::string from;
    std::string at;
    std::string every = "1s";
};

/// The signals whose handlers draw: for the thread of the screen alone.
void let_draw(int how) {
    sigset_t drawing;
    sigemptyset(&drawing);
    sigaddset(&drawing, SIGTSTP);
    sigaddset(&drawing, SIGWINCH);
    pthread_sigmask(how, &drawing, nullptr);
}

/// The screen in a thread of its own, so that the one that takes events never waits for it.
class ScreenThread {
public:
    ScreenThread(Screen& screen, ViewBoard& board, std::chrono::milliseconds every)
        : board_(board), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        thread_ = std::thread([this, &screen, every] {
            let_draw(SIG_UNBLOCK);
            try {
                Top top({.name = "live", .recorded = false, .unicode = MB_CUR_MAX > 1});
                run_top(screen, top,
                        {.state = [this] { return board_.fresh(patience); },
                         .over = [this] { return over_.load(); },
                         .step = {},
                         .every = every,
                         .wake = wake_.get()});
            } catch (...) {
                thrown_ = std::current_exception();
            }
            left_ = true;
        });
    }
    ScreenThread(const ScreenThread&) = delete;
    ScreenThread& operator=(const ScreenThread&) = delete;
    ~ScreenThread() { end(); }

    /// It has been left by a key, or its terminal is gone.
    [[nodiscard]] bool left() const { return left_; }
    /// Ends it; what it threw is thrown by finish().
    void finish() {
        end();
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
    }

private:
    void end() {
        over_ = true;
        board_.close();
        eventfd_write(wake_.get(), 1);
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    ViewBoard& board_;
    Fd wake_;
    std::atomic<bool> over_ = false;
    std::atomic<bool> left_ = false;
    std::exception_ptr thrown_;
    std::thread thread_;
};

int top_live(const TopCommand& given, const NotableOptions& notable,
             std::chrono::milliseconds every) {
    auto options = given.trace.resolve();
    if (!options) {
        return complain(options.error(), exit_usage);
    }
    let_draw(SIG_BLOCK);
    auto source = LiveSource::open(*options);
    if (!source) {
        return complain(source.error(), exit_unsupported);
    }
    Pipeline pipeline(std::move(*source), notable);
    pipeline.keep_holders();
    auto screen = Screen::open();
    if (!screen) {
        return complain(screen.error(), exit_unsupported);
    }
    ViewBoard board;
    std::optional<Error> fault;
    {
        ScreenThread shown(**screen, board, every);
        // Known once the first snapshot is; tasks that a kernel hides stay hidden.
        std::string note;
        bool looked = false;
        while (!stop_requested() && !shown.left()) {
            const bool asked = board.wait(pipeline.pause());
            if (auto stepped = pipeline.step(); !stepped) {
                fault = stepped.error();
                break;
            }
            if (!looked && pipeline.world().synchronized()) {
                looked = true;
                note = hidden_note(hidden_tasks(pipeline));
            }
            if (asked) {
                auto made = pipeline.publication();
                made->note = note;
                board.publish(std::move(made));
            }
        }
        shown.finish();
    }
    screen->reset();
    if (auto finished = pipeline.finish(); !finished && !fault) {
        fault = finished.error();
    }
    const int code = fault ? complain(*fault) : exit_ok;
    fmt::print(stderr, "nstrail: {}\n", account_text(pipeline.follower()));
    return code;
}

/// The screen of a recording at a moment.
void show(TopRecording& recording, Screen& screen) {
    Top top({.name = recording.name(), .recorded = true, .unicode = MB_CUR_MAX > 1});
    const auto step = [&](bool later) {
        auto due = Clock::now() + shortest;
        const auto progress = [&](std::uint64_t /*events*/, std::optional<double> part) {
            if (Clock::now() < due) {
                return !stop_requested();
            }
            due = Clock::now() + shortest;
            top.say(part ? fmt::format("reading the recording: {:.0f} %", *part * 100)
                         : "reading the recording");
            screen.paint(top.lines());
            return !stop_requested();
        };
        const auto done = recording.step(later, progress);
        top.say(done ? "" : done.error().line());
        top.rename(recording.name());
        top.take(*recording.publication());
    };
    run_top(screen, top,
            {.state = [&] { return recording.publication(); },
             .over = stop_requested,
             .step = step,
             .every = std::chrono::hours(1),
             .wake = -1});
}

int top_recorded(const TopCommand& given, const NotableOptions& notable) {
    const auto stopped = [](const Error& error) {
        return complain(error, stop_requested() ? exit_ok : exit_failure);
    };
    std::optional<TopRecording> recording;
    {
        Progress bar(false);
        const auto progress = [&](std::uint64_t events, std::optional<double> part) {
            bar.show(events, [&] { return part; });
            return !stop_requested();
        };
        auto opened = TopRecording::open(given.from, notable, progress);
        if (!opened) {
            return stopped(opened.error());
        }
        recording = std::move(*opened);
        const auto at = recording->moment(given.at);
        if (!at) {
            return complain(at.error());
        }
        if (auto reached = recording->reach(*at, progress); !reached) {
            return stopped(reached.error());
        }
    }
    auto screen = Screen::open();
    if (!screen) {
        return complain(screen.error(), exit_unsupported);
    }
    show(*recording, **screen);
    screen->reset();
    fmt::print(stderr, "{}nstrail: {}\n", recording->faults_text(), recording->account());
    return exit_ok;
}

int top(const TopCommand& given) {
    const auto notable = given.notable.resolve();
    const auto every = parse_duration(given.every);
    if (!notable || !every) {
        return complain(notable ? every.error() : notable.error(), exit_usage);
    }
    const auto pace = std::chrono::duration_cast<std::chrono::milliseconds>(*every);
    if (pace < shortest || pace > std::chrono::hours(1)) {
        return complain({.what = "look every " + given.every,
                         .why = "that is not from 100ms to 1h",
                         .next = "e.g. --every 2s"},
                        exit_usage);
    }
    if (given.from.empty() && !given.at.empty()) {
        return complain({.what = "show what was at " + given.at,
                         .why = "this host is known as it is now only",
                         .next = "give a recording with --from"},
                        exit_usage);
    }
    if (given.from == "-") {
        return complain({.what = "show a stream of stdin",
                         .why = "that is where keys come from",
                         .next = "write it to a file first"},
                        exit_usage);
    }
    if (auto able = Screen::possible(); !able) {
        return complain(able.error(), exit_unsupported);
    }
    std::setlocale(LC_CTYPE, "");
    catch_signals();
    // That the terminal has gone is no reason to go without an end either.
    struct sigaction caught{};
    sigaction(SIGINT, nullptr, &caught);
    sigaction(SIGHUP, &caught, nullptr);
    return given.from.empty() ? top_live(given, *notable, pace) : top_recorded(given, *notable);
}

}  // namespace

void add_top(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "top",
        "The live tree of pid namespaces on a terminal, with what was found; ? tells the keys.");
    auto given = std::make_shared<TopCommand>();
    command->add_option("--from", given->from, stream_words);
    command->add_option("--at", given->at,
                        "when: a time as RFC 3339 has it, +10s from the start, or boottime in "
                        "nanoseconds; else the end");
    command->add_option("--every", given->every, "how often to look again")->capture_default_str();
    given->trace.add_to(*command);
    given->notable.add_to(*command);
    command->callback([=, &run] { run = [=] { return top(*given); }; });
}

}  // namespace nstrail
