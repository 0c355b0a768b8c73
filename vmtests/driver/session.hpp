// SPDX-License-Identifier: Apache-2.0
//
// One run inside the virtual machine: the agent and the live stream under test, and the scenes.
#ifndef NSTRAIL_VMTESTS_SESSION_HPP
#define NSTRAIL_VMTESTS_SESSION_HPP

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "agent.hpp"
#include "compare.hpp"
#include "hooks.hpp"
#include "io.hpp"
#include "judge.hpp"
#include "options.hpp"
#include "stream.hpp"

namespace vmtests {

class Session {
public:
    Session(const Options& options, Results& results);

    // Starts the agent and the live stream, and waits until both see the machine. An error is one
    // line, and nothing else can run.
    std::expected<void, std::string> start();
    // What the machine does by itself, without a subject.
    void idle();
    void scene(const std::string& name);
    // Ends agent and stream as a user would.
    void stop();
    // Sends logs and metrics, whatever happened.
    void send_logs();

private:
    // One run of a scene.
    struct Run {
        Differences differences;  // that count whatever the stream missed
        Differences unmet;        // of what was expected of the stream
        int holds = 0;
        std::size_t tasks = 0;  // at the last hold
        std::size_t namespaces = 0;
        std::size_t expected = 0;
        std::size_t unseen = 0;  // expectations that no attached hook can show
        std::size_t events = 0;
        std::size_t gaps = 0;
    };

    Run run_scene(const std::string& name);
    Differences run_subject(const std::string& name, Expectations& expectations, Run& run);
    std::optional<std::string> wrong_way() const;
    std::optional<std::string> lost() const;

    const Options& options_;
    Results& results_;
    Stream stream_;
    Judge judge_;
    Hooks hooks_;
    std::optional<Agent> agent_;
    std::optional<Child> live_;
    std::size_t gaps_ = 0;
    std::optional<std::vector<NamespaceKey>> first_;  // the namespaces before the first scene
};

}  // namespace vmtests

#endif
