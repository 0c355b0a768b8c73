// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include "app/child.hpp"
#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/pipeline.hpp"
#include "app/printer.hpp"
#include "event/reflect.hpp"

namespace nstrail {

namespace {

using Clock = std::chrono::steady_clock;

/// One task and all its descendants, by the keys of their task_structs and struct pids.
class Family {
public:
    void add_root(const TaskRecord& task) { keys_.insert(task.key); }

    /// Whether the event is about a member; a child of a member becomes one.
    [[nodiscard]] bool concerns(const Event& event) {
        if (event.kind() == NST_KIND_task_new) {
            return born(event.as<nst_task_new>());
        }
        Keys found{.members = keys_, .tids = tids_};
        with_fixed_part(event, [&](const auto& fixed) { visit_fields(fixed, found); });
        if (event.kind() == NST_KIND_task_free) {
            keys_.erase(event.as<nst_task_free>().task.key);  // the address will be another's
            tids_.erase(event.as<nst_task_free>().task.tid);
        } else if (event.kind() == NST_KIND_free_pid) {
            keys_.erase(event.as<nst_free_pid>().pid_key);
        }
        return found.hit;
    }

private:
    [[nodiscard]] bool born(const nst_task_new& e) {
        if (keys_.contains(e.actor.key)) {
            keys_.insert(e.task.key);
            keys_.insert(e.pid_key);
            tids_.insert(e.task.tid);
            return true;
        }
        // A stranger may get the memory of a dead member whose end was not told: not every kernel
        // lets it be seen that a struct pid is freed.
        keys_.erase(e.task.key);
        keys_.erase(e.pid_key);
        tids_.erase(e.task.tid);
        return false;
    }

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

struct LiveCommand {
    TraceOptions trace;
    NotableChoice notable;
    FilterChoice filter;
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
    auto filter = given.filter.resolve();
    if (!filter) {
        return complain(filter.error(), exit_usage);
    }
    const auto limit = parse_limit(given.duration);
    if (!limit) {
        return complain(limit.error(), exit_usage);
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
    Printer printer(pipeline.world(), pipeline.checker(), given.json, std::move(*filter));
    const auto show = [&](const Event& event, const Change& change) {
        // Loss is always told. Before the start only what the stream needs to be replayed, if all
        // is wanted.
        const bool followed = event.kind() == NST_KIND_gap ||
                              (everything && (started || given.json)) ||
                              (started && family.concerns(event));
        if (followed) {
            printer.event(event, change);
        }
        // Of the whole host, whatever is followed.
        printer.news(event);
    };
    if (auto done = pipeline.synchronize(std::chrono::seconds(30), show); !done) {
        return complain(done.error());
    }
    printer.flush();
    started = true;
    if (child) {
        if (const TaskRecord* root = pipeline.world().find_task(child->pid()); root != nullptr) {
            family.add_root(*root);
        }
        if (auto released = child->release(given.command.front()); !released) {
            return complain(released.error(), 127);
        }
    }
    const auto until = *limit ? Clock::now() + **limit : Clock::time_point::max();
    int code = exit_ok;
    while (!stop_requested() && Clock::now() < until && !(child && child->ended())) {
        if (auto stepped = pipeline.step(show); !stepped) {
            code = complain(stepped.error());
            break;
        }
        printer.flush();
        std::this_thread::sleep_for(std::min(pipeline.pause(), std::chrono::milliseconds(20)));
    }
    if (auto finished = pipeline.finish(show); !finished && code == exit_ok) {
        code = complain(finished.error());
    }
    printer.findings();
    printer.flush();
    fmt::print(stderr, "nstrail: {}\n", account_text(pipeline.follower()));
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
    options->filter.add_to(*command);
    options->trace.add_to(*command);
    options->notable.add_to(*command);
    command->add_option("command", options->command,
                        "a command to run and follow with all its descendants, after --");
    command->callback([=, &run] { run = [=] { return live(*options); }; });
}

}  // namespace nstrail
