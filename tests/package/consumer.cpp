// SPDX-License-Identifier: Apache-2.0
// A program that uses libnstrail: reads a stream as `nstrail live --json --all` prints it, and
// tells the tasks of each pid namespace by the numbers that they have in it.
//   consumer FILE TID    TID: a task to be kept an eye on from its birth
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

#include <nstrail.hpp>

namespace {

std::string shown(const std::optional<std::uint32_t>& number) {
    return number ? std::to_string(*number) : "-";
}

std::string shown(const std::optional<nstrail::Namespace>& ns) {
    return ns ? std::to_string(ns->inum()) + "." + std::to_string(ns->gen()) : "-";
}

/// One line: where it lives, who it is there, where its next child will live.
void tell(const nstrail::Task& task) {
    const auto active = task.active_pid_namespace();
    std::cout << "  " << task.tid() << ' ' << task.comm() << ' '
              << nstrail::task_state_name(task.state());
    if (active) {
        std::cout << " pid " << shown(task.pid_in(*active)) << " tgid "
                  << shown(task.tgid_in(*active));
    }
    std::cout << " in " << shown(active) << " children " << shown(task.pid_namespace_for_children())
              << " uts " << shown(task.ns(nstrail::Slot::uts))
              << (task.released() ? " released" : "") << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: consumer FILE TID\n";
        return 2;
    }
    const auto watched = static_cast<std::uint32_t>(std::atoi(argv[2]));
    std::ifstream file(argv[1]);
    nstrail::World world;
    std::optional<nstrail::Task> kept;
    for (std::string line; std::getline(file, line);) {
        const auto buffer = nstrail::parse_event(line);
        const auto event = buffer ? buffer->event() : std::unexpected(buffer.error());
        if (!event) {
            std::cerr << event.error().line() << '\n';
            return 1;
        }
        const nstrail::Change change = world.apply(*event);
        if (!kept && change.task != nullptr && change.task->tid == watched) {
            kept = world.view().task(watched);
        }
        if (change.transition && change.by_itself) {
            std::cout << change.task->tid << " changed its namespaces by itself\n";
        }
    }

    const nstrail::View view = world.view();
    for (const nstrail::Namespace& ns : view.namespaces()) {
        if (ns.type() != NST_ns_type_pid) {
            continue;
        }
        std::cout << "pid:[" << ns.inum() << "] level " << ns.record().level << ' '
                  << nstrail::ns_state_name(ns.state()) << " last "
                  << nstrail::pid_vector_text(ns.last_pid_vector()) << '\n';
        for (const nstrail::Task& task : view.tasks()) {
            if (task.pid_in(ns)) {
                tell(task);
            }
        }
    }
    if (kept) {
        std::cout << "at its birth\n";
        tell(*kept);  // of the View that it was taken from, for ever
        std::cout << "now\n";
        tell(kept->at(view));
    }
    std::cout << (view.certain() ? "certain\n" : "not certain\n");
}
