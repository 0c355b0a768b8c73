// SPDX-License-Identifier: Apache-2.0
#include "app/follow.hpp"

#include <fmt/format.h>

namespace nstrail {

namespace {

/// The release of a task that was lost, for whoever follows the stream.
EventBuffer synthesized_release(const Event& proof, const TaskRecord& gone) {
    nst_task_release event{};
    event.header.kind = NST_KIND_task_release;
    event.header.boot_ns = proof.boot_ns();
    event.task = {.key = gone.key,
                  .start_boottime_ns = gone.start_boottime_ns,
                  .tid = gone.tid,
                  .tgid = gone.tgid};
    event.pid_key = gone.pid_key;
    event.exit_code = gone.exit_code;
    event.via = NST_release_via_resync;
    return EventBuffer::make(event);
}

}  // namespace

void Follower::take(const Event& event, const Observer& observer) {
    const Change change = checker_.apply(event);
    if (!observer) {
        return;
    }
    observer(event, change);
    for (const TaskRecord& gone : change.dropped) {
        Change lost;
        lost.released = gone;
        observer(*synthesized_release(event, gone).event(), lost);
    }
}

std::shared_ptr<Publication> Follower::publication(SourceFigures source) const {
    return std::make_shared<Publication>(Publication{.view = world_.view(),
                                                     .source = std::move(source),
                                                     .findings = checker_.findings(),
                                                     .notices = checker_.lookout().notices(),
                                                     .unready = {},
                                                     .note = {}});
}

bool synthesized(const Event& event) {
    return event.kind() == NST_KIND_task_release &&
           event.as<nst_task_release>().via == NST_release_via_resync;
}

std::string account_text(const Follower& follower) {
    const Account& account = follower.world().account();
    const Findings& findings = follower.checker().findings();
    return fmt::format(
        "{} events, {} lost; tasks: {} born, {} released; namespaces: {} created, {} destroyed; "
        "rules: {} violations, {} unknown{}",
        sum(account.events), sum(account.lost), account.tasks_born, account.tasks_released,
        sum(account.created), sum(account.destroyed), findings.violations(), findings.unknown(),
        follower.world().certain()
            ? ""
            : "; the last gap was not closed: what it touched is not certain");
}

}  // namespace nstrail
