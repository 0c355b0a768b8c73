// SPDX-License-Identifier: Apache-2.0
//
// One run inside the virtual machine: the agent and the live stream under test, and the scenes.
#ifndef NSTRAIL_VMTESTS_SESSION_HPP
#define NSTRAIL_VMTESTS_SESSION_HPP

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compare.hpp"
#include "io.hpp"
#include "stream.hpp"

namespace vmtests {

struct Options {
    std::string results;                  // device to report to; empty: stdout
    std::string directory = "/tmp/test";  // logs and the stream
    std::string nstrail = "nstrail";
    std::string subjects = "/nstrail/subjects";
    std::vector<std::string> scenes;  // empty: all
    int port = 9977;
};

class Session {
public:
    Session(Options options, Results& results);

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
    // A tree document and the process that made it (0: one that is part of the truth).
    struct Document {
        nlohmann::json tree;
        int own_tgid = 0;
    };
    using Take = std::function<std::expected<Document, std::string>()>;

    std::expected<Document, std::string> agent_tree() const;
    std::expected<Document, std::string> fresh_tree() const;
    // Compares until nothing differs or patience ends; what differs at the end, each line begun
    // with `who`. Keeps the document under `name`.
    Differences compare(const std::string& who, const std::string& name, const Take& take,
                        bool with_lsns);
    Differences hold_point(const std::string& scene, const std::string& hold);
    Differences run_subject(const std::string& name, Expectations& expectations, int& holds);
    Differences left_behind(const std::vector<NamespaceKey>& before);
    std::optional<std::string> lost() const;
    void report(const std::string& name, const Differences& differences, const std::string& ok);
    std::string log_tail(const std::string& name) const;

    Options options_;
    Results& results_;
    Stream stream_;
    std::vector<ExpectedState> states_;  // what the subject says of the next hold
    std::optional<Child> agent_;
    std::optional<Child> live_;
    std::size_t last_tasks_ = 0;
    std::size_t last_namespaces_ = 0;
};

}  // namespace vmtests

#endif
