// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <sys/utsname.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "app/hidden.hpp"
#include "app/options.hpp"
#include "app/pipeline.hpp"
#include "event/reflect.hpp"
#include "rules/rule.hpp"
#include "source/libbpf_log.hpp"

namespace nstrail {

namespace {

using nlohmann::ordered_json;

std::string kernel_release() {
    utsname names{};
    uname(&names);
    return names.release;
}

std::string mode_sentence(const HookPlan& plan) {
    switch (plan.mode()) {
        case NST_attach_mode_full:
            return "full: functions of the kernel, tracepoints and the task iterator";
        case NST_attach_mode_reduced:
            return "reduced: tracing tracepoints and the task iterator only";
        default:
            return "none";
    }
}

void print_text(const HookPlan& plan, const std::vector<std::string>& hidden, bool canary) {
    fmt::print("kernel        {}\n", kernel_release());
    fmt::print("live tracing  {}\n\n", plan.live_possible() ? mode_sentence(plan) : "not possible");
    for (const HookInfo& hook : hook_infos()) {
        const HookState& state = plan[hook.id];
        const bool silent = canary && state.way != Way::none && state.exercised && !state.fired;
        fmt::print("{:<20} {:<11}{}\n", hook.name, way_name(state.way),
                   silent        ? " attached, but silent when exercised"
                   : state.fired ? " fires"
                                 : "");
        if (!state.reason.empty()) {
            fmt::print("{:<20} why: {}\n", "", state.reason);
        }
        if (state.way == Way::none || silent) {
            fmt::print("{:<20} without it: {}\n", "", hook.without);
        }
        if (!state.mend.empty()) {
            fmt::print("{:<20} mend: {}\n", "", state.mend);
        }
    }
    std::string missing;
    for (const Rule* rule : all_rules()) {
        if (uncheckable(*rule, plan.working())) {
            missing += fmt::format(" {}", rule->id);
        }
    }
    fmt::print("\nrules that cannot be checked here:{}\n", missing.empty() ? " none" : missing);
    if (const std::string note = hidden_note(hidden); !note.empty()) {
        fmt::print("{}\n", note);
    }
}

int doctor(const TraceOptions& trace, bool json) {
    const auto fail_with = [&](const Error& error) {
        if (json) {
            const ordered_json document = {{"schema", "nstrail.doctor/1"},
                                           {"kernel", kernel_release()},
                                           {"mode", "none"},
                                           {"live_possible", false},
                                           {"error", error.line()}};
            fmt::print("{}\n", document.dump());
        }
        return complain(error, exit_unsupported);
    };
    auto options = trace.resolve();
    if (!options) {
        return complain(options.error(), exit_usage);
    }
    if (auto basics = check_basics(); !basics) {
        return fail_with(basics.error());
    }
    capture_libbpf_log();
    options->hooks.trial_attach = true;
    auto probed = probe_hooks(options->hooks);
    if (!probed) {
        return fail_with(probed.error());
    }
    HookPlan plan = *probed;
    std::vector<std::string> hidden;
    const bool possible = plan.live_possible();
    if (possible) {
        auto source = LiveSource::open(*options);
        if (!source) {
            return fail_with(source.error());
        }
        plan = (*source)->plan();
        Pipeline pipeline(std::move(*source));
        if (auto done = pipeline.synchronize(std::chrono::seconds(30)); done) {
            hidden = hidden_tasks(pipeline);
        }
    }
    if (json) {
        ordered_json document = ordered_json::parse(doctor_json(plan));
        document["hidden_tasks"] = hidden.size();
        fmt::print("{}\n", document.dump());
    } else {
        print_text(plan, hidden, possible);
    }
    return possible ? exit_ok : exit_unsupported;
}

}  // namespace

std::string doctor_json(const HookPlan& plan) {
    ordered_json document = {{"schema", "nstrail.doctor/1"},
                             {"kernel", kernel_release()},
                             {"mode", enum_name(Format::ENUM_attach_mode, plan.mode())},
                             {"live_possible", plan.live_possible()},
                             {"hooks", ordered_json::array()},
                             {"uncheckable_rules", ordered_json::array()}};
    for (const HookInfo& hook : hook_infos()) {
        const HookState& state = plan[hook.id];
        const auto words = [](const std::string& text) {
            return text.empty() ? ordered_json() : ordered_json(text);
        };
        document["hooks"].push_back(
            {{"name", hook.name},
             {"target", hook.target},
             {"point", hook.point},
             {"way", way_name(state.way)},
             {"fired", state.exercised ? ordered_json(state.fired) : ordered_json()},
             {"why", words(state.reason)},
             {"without", hook.without},
             {"mend", words(state.mend)}});
    }
    for (const Rule* rule : all_rules()) {
        if (uncheckable(*rule, plan.working())) {
            document["uncheckable_rules"].push_back(rule->id);
        }
    }
    return document.dump();
}

void add_doctor(CLI::App& app, Run& run) {
    auto* command =
        app.add_subcommand("doctor", "What this kernel and these privileges allow, hook by hook.");
    auto trace = std::make_shared<TraceOptions>();
    auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "one JSON document");
    trace->add_to(*command);
    command->callback([=, &run] { run = [=] { return doctor(*trace, *json); }; });
}

}  // namespace nstrail
