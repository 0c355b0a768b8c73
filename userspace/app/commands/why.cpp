// SPDX-License-Identifier: Apache-2.0
#include "sink/why.hpp"

#include <cerrno>
#include <charconv>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/look.hpp"
#include "app/options.hpp"

namespace nstrail {

namespace {

/// "4026532201", "net:[4026532201]", or a file of nsfs. The file is not opened: that would hold it.
Result<std::uint32_t> find_inum(const std::string& text) {
    std::string_view number = text;
    if (const auto at = number.find(":["); at != std::string_view::npos && number.ends_with(']')) {
        number = number.substr(at + 2, number.size() - at - 3);
    }
    std::uint32_t inum = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), inum);
    if (error == std::errc{} && end == number.data() + number.size()) {
        return inum;
    }
    struct stat file{};
    struct statfs system{};
    if (stat(text.c_str(), &file) != 0 || statfs(text.c_str(), &system) != 0) {
        return fail("look at " + text, errno,
                    "name a namespace: its inode number, TYPE:[INUM], or a file such as "
                    "/proc/PID/ns/net");
    }
    if (system.f_type != NSFS_MAGIC) {
        return fail("look at " + text, "it is no file of a namespace",
                    "e.g. /proc/PID/ns/net, or a bind mount of one");
    }
    return static_cast<std::uint32_t>(file.st_ino);
}

int why(const std::string& name, bool json) {
    const auto inum = find_inum(name);
    if (!inum) {
        return complain(inum.error(), exit_usage);
    }
    const auto look = look_once();
    if (!look) {
        return complain(look.error(), exit_unsupported);
    }
    const auto ns = look->view.ns(*inum);
    if (!ns) {
        const Error unknown{
            .what = fmt::format("find the namespace {}", *inum),
            .why = "no task, file, socket or mount that could be looked at refers to it" +
                   (look->note.empty() ? "" : "; " + look->note),
            .next = "nstrail tree lists those that are known"};
        return complain(unknown, look->note.empty() ? exit_failure : exit_unsupported);
    }
    fmt::print("{}{}",
               json ? why_json(look->view, *ns, look->note) : why_text(look->view, *ns, look->note),
               json ? "\n" : "");
    return exit_ok;
}

}  // namespace

void add_why(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("why", "What keeps a namespace alive.");
    auto name = std::make_shared<std::string>();
    auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "one JSON document (nstrail.why/1)");
    command
        ->add_option("NS", *name,
                     "an inode number, TYPE:[INUM], or a file such as /proc/PID/ns/net")
        ->required();
    command->callback([=, &run] { run = [=] { return why(*name, *json); }; });
}

}  // namespace nstrail
