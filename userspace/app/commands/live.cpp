// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <thread>
#include <unordered_map>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/pipeline.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"
#include "event/format.hpp"
#include "event/reflect.hpp"
#include "model/container.hpp"
#include "sink/findings.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

using Clock = std::chrono::steady_clock;

/// A command that is started held, so that tracing begins before it does anything.
class Child {
public:
    [[nodiscard]] static Result<Child> start(const std::vector<std::string>& command) {
        int gate[2];
        int report[2];
        if (pipe2(gate, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) {
            return fail("make a pipe", errno);
        }
        const pid_t pid = fork();
        if (pid < 0) {
            return fail("fork", errno);
        }
        if (pid == 0) {
            run(command, gate[0], report[1]);
        }
        Child child;
        child.pid_ = pid;
        close(gate[0]);
        close(report[1]);
        child.gate_ = Fd(gate[1]);
        child.report_ = Fd(report[0]);
        return child;
    }

    [[nodiscard]] std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

    /// Lets it exec; fails with the reason if it cannot.
    [[nodiscard]] Result<void> release(const std::string& name) {
        char go = 'x';
        if (write(gate_.get(), &go, 1) != 1) {
            return fail("start " + name, errno);
        }
        int code = 0;
        if (read(report_.get(), &code, sizeof(code)) == sizeof(code)) {
            return fail("run " + name, code, "check the command after --");
        }
        return {};
    }

    /// Whether it has ended; then status() is what a shell would say.
    [[nodiscard]] bool ended() {
        int status = 0;
        if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
            ended_ = true;
            status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        return ended_;
    }
    [[nodiscard]] int status() const { return status_; }

private:
    [[noreturn]] static void run(std::vector<std::string> command, int gate, int report) {
        char go = 0;
        // If the tracer dies instead of opening the gate, so does this.
        if (read(gate, &go, 1) != 1) {
            _exit(127);
        }
        std::signal(SIGINT, SIG_DFL);
        std::signal(SIGTERM, SIG_DFL);
        std::vector<char*> arguments;
        arguments.reserve(command.size() + 1);
        for (std::string& word : command) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        execvp(arguments[0], arguments.data());
        const int code = errno;
        [[maybe_unused]] const auto written = write(report, &code, sizeof(code));
        _exit(127);
    }

    pid_t pid_ = 0;
    Fd gate_;
    Fd report_;
    bool ended_ = false;
    int status_ = 0;
};

/// One task and all its descendants, by the keys of their task_structs and struct pids.
class Family {
public:
    void add_root(const TaskRecord& task) { keys_.insert(task.key); }

    /// Whether the event is about a member; a child of a member becomes one.
    [[nodiscard]] bool concerns(const Event& event) {
        Keys found{.members = keys_, .tids = tids_};
        with_fixed_part(event, [&](const auto& fixed) { visit_fields(fixed, found); });
        if (found.hit && event.kind() == NST_KIND_task_new) {
            keys_.insert(event.as<nst_task_new>().task.key);
            keys_.insert(event.as<nst_task_new>().pid_key);
            tids_.insert(event.as<nst_task_new>().task.tid);
        } else if (event.kind() == NST_KIND_task_free) {
            keys_.erase(event.as<nst_task_free>().task.key);  // the address will be another's
            tids_.erase(event.as<nst_task_free>().task.tid);
        } else if (event.kind() == NST_KIND_free_pid) {
            keys_.erase(event.as<nst_free_pid>().pid_key);
        }
        return found.hit;
    }

private:
    struct Keys {
        const boost::unordered_flat_set<std::uint64_t>& members;
        const boost::unordered_flat_set<std::uint64_t>& tids;
        bool hit = false;

        template <class T>
        void number(std::string_view name, T value, Format format) {
            hit = hit ||
                  (format == Format::KEY && value != 0 &&
                   members.contains(static_cast<std::uint64_t>(value))) ||
                  (name == "actor_tid" && tids.contains(static_cast<std::uint64_t>(value)));
        }
        template <class T>
        void object(std::string_view /*name*/, const T& value, Format /*format*/) {
            // An nsproxy key belongs to many tasks and names none.
            if constexpr (!std::is_same_v<T, nst_ns_set>) {
                visit_fields(value, *this);
            }
        }
        void text(std::string_view /*name*/, const char* /*chars*/, std::size_t /*size*/) {}
        template <class E>
        void tail(std::string_view /*name*/, std::uint32_t /*count*/) {}
    };
    boost::unordered_flat_set<std::uint64_t> keys_;
    boost::unordered_flat_set<std::uint64_t> tids_;
};

/// What is known besides an event of the task that it is about.
class Besides {
public:
    explicit Besides(const World& world) : world_(world) {}

    /// Appended to an event's JSON object as its last member, or to its line of text.
    void append(fmt::memory_buffer& out, const TaskRecord& task, bool json) {
        const Whereabouts* here = whereabouts(task);
        const std::string_view exe = world_.exe_of(task);
        if (json && (here != nullptr || !exe.empty())) {
            const auto or_null = [](std::string_view text) {
                return text.empty() ? std::string("null") : json_quote(text);
            };
            static const Whereabouts nowhere;
            const Whereabouts& who = here == nullptr ? nowhere : *here;
            out.resize(out.size() - 1);  // the closing brace
            fmt::format_to(
                std::back_inserter(out),
                R"(,"who":{{"container":{},"runtime":{},"pod":{},"unit":{},"exe":{}}}}})",
                or_null(who.container), or_null(who.runtime), or_null(who.pod), or_null(who.unit),
                or_null(exe));
        } else if (!json && here != nullptr && !here->container.empty()) {
            fmt::format_to(std::back_inserter(out), "  [{}]", container_words(*here));
        }
    }

private:
    const Whereabouts* whereabouts(const TaskRecord& task) {
        const auto path = world_.cgroup_of(task);
        if (!path) {
            return nullptr;
        }
        // Containers come and go; their paths need not be kept for ever.
        if (by_path_.size() > 4096) {
            by_path_.clear();
        }
        const auto [at, added] = by_path_.try_emplace(*path);
        if (added) {
            at->second = parse_cgroup_path(*path);
        }
        return &at->second;
    }

    const World& world_;
    std::unordered_map<std::string, Whereabouts> by_path_;
};

struct LiveCommand {
    TraceOptions trace;
    NotableChoice notable;
    bool json = false;
    bool all = false;
    std::string duration;
    std::vector<std::string> command;
};

int live(const LiveCommand& given) {
    auto options = given.trace.resolve();
    if (!options) {
        return complain(options.error(), exit_usage);
    }
    const auto notable = given.notable.resolve();
    if (!notable) {
        return complain(notable.error(), exit_usage);
    }
    auto until = Clock::time_point::max();
    std::optional<std::chrono::nanoseconds> limit;
    if (!given.duration.empty()) {
        const auto time = parse_duration(given.duration);
        if (!time) {
            return complain(time.error(), exit_usage);
        }
        limit = *time;
    }
    catch_signals();
    auto source = LiveSource::open(*options);
    if (!source) {
        return complain(source.error(), exit_unsupported);
    }
    Pipeline pipeline(std::move(*source), *notable);
    if (pipeline.source().plan().mode() == NST_attach_mode_reduced) {
        fmt::print(stderr,
                   "nstrail: reduced mode: this kernel allows no hooks on its functions; see "
                   "`nstrail doctor`\n");
    }
    std::optional<Child> child;
    if (!given.command.empty()) {
        auto started = Child::start(given.command);
        if (!started) {
            return complain(started.error());
        }
        child.emplace(std::move(*started));
    }

    Family family;
    const bool everything = given.all || !child;
    bool started = false;
    fmt::memory_buffer out;
    Besides besides(pipeline.world());
    const auto show_findings = [&] {
        for (const Finding& finding : pipeline.checker().news()) {
            out.append(given.json ? finding_json(finding) + "\n" : finding_text(finding));
        }
    };
    const auto show_event = [&](const Event& event, const Change& change) {
        // Loss is always told. Before the start only what the stream needs to be replayed, if all
        // is wanted.
        const bool wanted = event.kind() == NST_KIND_gap ||
                            (everything && (started || given.json)) ||
                            (started && family.concerns(event));
        if (!wanted) {
            return;
        }
        given.json ? append_json(out, event) : append_text(out, event);
        if (const TaskRecord* about = change.task != nullptr ? change.task : change.actor) {
            besides.append(out, *about, given.json);
        }
        out.push_back('\n');
    };
    const auto show = [&](const Event& event, const Change& change) {
        show_event(event, change);
        for (const Remark& remark : pipeline.checker().lookout().news()) {
            out.append(given.json ? remark_json(remark) + "\n" : remark_text(remark));
        }
        // Of the whole host, whatever is followed; a synthesized event is none of the rules'.
        if (event.kind() == NST_KIND_mark || event.kind() == NST_KIND_gap) {
            show_findings();
        }
    };
    const auto flush = [&] {
        if (out.size() != 0) {
            std::fwrite(out.data(), 1, out.size(), stdout);
            std::fflush(stdout);
            out.clear();
        }
    };
    if (auto done = pipeline.synchronize(std::chrono::seconds(30), show); !done) {
        return complain(done.error());
    }
    flush();
    started = true;
    if (child) {
        if (const TaskRecord* root = pipeline.world().find_task(child->pid()); root != nullptr) {
            family.add_root(*root);
        }
        if (auto released = child->release(given.command.front()); !released) {
            return complain(released.error(), 127);
        }
    }
    if (limit) {
        until = Clock::now() + *limit;
    }
    int code = exit_ok;
    while (!stop_requested() && Clock::now() < until && !(child && child->ended())) {
        if (auto stepped = pipeline.step(show); !stepped) {
            code = complain(stepped.error());
            break;
        }
        flush();
        std::this_thread::sleep_for(std::min(pipeline.pause(), std::chrono::milliseconds(20)));
    }
    if (auto finished = pipeline.finish(show); !finished && code == exit_ok) {
        code = complain(finished.error());
    }
    show_findings();
    flush();
    fmt::print(stderr, "nstrail: {}\n", final_account(pipeline));
    return child && child->ended() && code == exit_ok ? child->status() : code;
}

}  // namespace

void add_live(CLI::App& app, Run& run) {
    auto* command =
        app.add_subcommand("live", "Streams events to stdout, of the host or of a command.");
    auto options = std::make_shared<LiveCommand>();
    command->add_flag("--json", options->json, "one JSON object per line");
    command->add_flag("--all", options->all, "with a command: the whole host all the same");
    command->add_option("--for", options->duration, "end after this time, e.g. 10s");
    options->trace.add_to(*command);
    options->notable.add_to(*command);
    command->add_option("command", options->command,
                        "a command to run and follow with all its descendants, after --");
    command->callback([=, &run] { run = [=] { return live(*options); }; });
}

}  // namespace nstrail
