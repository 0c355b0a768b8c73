// SPDX-License-Identifier: Apache-2.0
//
// The driver: runs inside the virtual machine, makes nstrail watch the scenes, and judges it by
// what /proc, lsns and the scenes themselves say.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "confine.hpp"
#include "faults.hpp"
#include "hardened.hpp"
#include "loss.hpp"
#include "pinned.hpp"
#include "recording.hpp"
#include "self_test.hpp"
#include "session.hpp"
#include "soak.hpp"
#include "violator.hpp"

namespace {

constexpr const char* usage =
    "usage: driver [--results DEVICE] [--directory DIR] [--nstrail PATH] [--subjects DIR]\n"
    "              [--tests A,B,…] [--scenes A,B,…] [--trace 'ARGUMENT…'] [--port N]\n"
    "              [--load PROGRAM] [--soak SECONDS]\n"
    "       driver --self-test\n";

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> words;
    std::istringstream stream(text);
    for (std::string word; std::getline(stream, word, at);) {
        if (!word.empty()) words.push_back(word);
    }
    return words;
}

bool parse(const std::vector<std::string>& arguments, vmtests::Options& options) {
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        if (i + 1 == arguments.size()) return false;
        const std::string& name = arguments[i];
        const std::string& value = arguments[i + 1];
        if (name == "--results") {
            options.results = value;
        } else if (name == "--directory") {
            options.directory = value;
        } else if (name == "--nstrail") {
            options.nstrail = value;
        } else if (name == "--subjects") {
            options.subjects = value;
        } else if (name == "--scenes") {
            options.scenes = split(value, ',');
        } else if (name == "--tests") {
            options.tests = split(value, ',');
        } else if (name == "--trace") {
            options.trace = split(value, ' ');
        } else if (name == "--load") {
            options.load = value;
        } else if (name == "--soak") {
            if (!value.empty()) options.soak_s = std::stoi(value);
        } else if (name == "--port") {
            options.port = std::stoi(value);
        } else {
            return false;
        }
    }
    return true;
}

// Scenes of nstrail's commands, which are the same however the agent is attached: as fresh trees,
// they are not for every variant.
constexpr std::string_view command_scenes[] = {"held", "pidvec", "spawn"};

std::vector<std::string> all_scenes(const std::string& directory) {
    std::vector<std::string> scenes;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        scenes.push_back(entry.path().filename());
    }
    std::ranges::sort(scenes);
    return scenes;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments == std::vector<std::string>{"--self-test"}) return vmtests::self_test();
    vmtests::Options options;
    if (!parse(arguments, options)) {
        std::cerr << usage;
        return 2;
    }
    // A subject that ended early must not end the driver.
    std::signal(SIGPIPE, SIG_IGN);
    vmtests::Results results(options.results);
    if (!results.usable()) {
        std::cerr << "driver: cannot open " << options.results
                  << ": check the machine's virtio ports\n";
        return 1;
    }
    std::filesystem::create_directories(options.directory);
    // The agent, which gives up being root, records there.
    if (chown(options.directory.c_str(), 65534, 65534) != 0) {
        std::cerr << "driver: cannot give " << options.directory << " to the agent's user\n";
        return 1;
    }

    const std::vector<std::string> present = all_scenes(options.subjects);
    std::vector<std::string> scenes = options.scenes.empty() ? present : options.scenes;
    if (options.scenes.empty() && !options.wants("fresh")) {
        std::erase_if(scenes, [](const std::string& scene) {
            return std::ranges::find(command_scenes, scene) != std::end(command_scenes);
        });
    }
    std::string plan = "plan";
    if (options.wants("scenes")) {
        plan += " agent idle";
        for (const std::string& scene : scenes)
            plan += ' ' + scene;
        plan += " stop";
    }
    if (options.wants("loss")) {
        for (const std::string& name : vmtests::loss_tests())
            plan += ' ' + name;
    }
    if (options.wants("record")) {
        for (const std::string& name : vmtests::recording_tests())
            plan += ' ' + name;
    }
    if (options.wants("violator")) {
        for (const std::string& name : vmtests::violator_tests())
            plan += ' ' + name;
    }
    if (options.wants("confine")) {
        for (const std::string& name : vmtests::confine_tests())
            plan += ' ' + name;
    }
    if (options.wants("pinned")) {
        for (const std::string& name : vmtests::pinned_tests())
            plan += ' ' + name;
    }
    if (options.wants("faults")) {
        for (const std::string& name : vmtests::fault_tests())
            plan += ' ' + name;
    }
    if (options.wants("hardened")) plan += std::string(" ") + vmtests::hardened_test;
    if (options.wants("locked")) plan += std::string(" ") + vmtests::locked_test;
    if (options.wants("soak")) plan += " soak";
    results.line(plan);

    if (options.wants("scenes")) {
        vmtests::Session session(options, results);
        if (auto started = session.start(); !started) {
            results.line("not ok agent: " + started.error());
        } else {
            session.idle();
            for (const std::string& scene : scenes) {
                if (std::ranges::find(present, scene) == present.end()) {
                    results.line("not ok " + scene + ": there is no such scene");
                } else {
                    session.scene(scene);
                }
            }
            session.stop();
        }
        session.send_logs();
    }
    if (options.wants("loss")) vmtests::test_loss(options, results);
    if (options.wants("record")) vmtests::test_recording(options, results);
    if (options.wants("violator")) vmtests::test_violator(options, results);
    if (options.wants("confine")) vmtests::test_confine(options, results);
    if (options.wants("pinned")) vmtests::test_pinned(options, results);
    if (options.wants("faults")) vmtests::test_faults(options, results);
    if (options.wants("hardened")) vmtests::test_hardened(options, results);
    if (options.wants("locked")) vmtests::test_locked(options, results);
    if (options.wants("soak")) vmtests::soak(options, results);
    results.line("done");
    return 0;
}
