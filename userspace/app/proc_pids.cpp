// SPDX-License-Identifier: Apache-2.0
#include "app/proc_pids.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/ns_file.hpp"
#include "base/text.hpp"
#include "source/kernel_types.hpp"

namespace nstrail {

namespace {

namespace fs = std::filesystem;

/// Innermost first, as everything here.
using Vector = std::vector<std::uint32_t>;

struct Status {
    std::string name;
    Vector pid;
    Vector group;
    Vector session;
};

/// The numbers of a line, which are outermost first.
Vector reversed_numbers(std::istringstream& line) {
    Vector numbers;
    for (std::uint32_t number = 0; line >> number;) {
        numbers.push_back(number);
    }
    std::ranges::reverse(numbers);
    return numbers;
}

std::optional<Status> read_status(const fs::path& directory) {
    std::ifstream file(directory / "status");
    Status status;
    for (std::string text; std::getline(file, text);) {
        std::istringstream line(text);
        std::string key;
        line >> key;
        if (key == "Name:") {
            line >> std::ws;
            std::getline(line, status.name);
        } else if (key == "NSpid:") {
            status.pid = reversed_numbers(line);
        } else if (key == "NSpgid:") {
            status.group = reversed_numbers(line);
        } else if (key == "NSsid:") {
            status.session = reversed_numbers(line);
            break;  // the last of the four
        }
    }
    return status.pid.empty() ? std::nullopt : std::optional(std::move(status));
}

bool is_number(const std::string& name) {
    return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

class Scan {
public:
    explicit Scan(std::span<const std::uint32_t> chain) : chain_(chain), users_(chain.size()) {
        // Elsewhere a /proc was mounted from further out, and the numbers begin there.
        const auto self = read_status("/proc/self");
        begins_here_ = self && self->pid.size() == 1;
    }

    void process(const fs::path& directory) {
        const auto status = read_status(directory);
        if (!status) {
            return;
        }
        const Vector namespaces = namespaces_of(directory, status->pid.size());
        const std::string who =
            fmt::format("tid {} ({})", status->pid.back(), printable(status->name));
        add_task(namespaces, status->pid, who);
        add_other(namespaces, status->group, "the process group of " + who);
        add_other(namespaces, status->session, "the session of " + who);
        std::error_code none;
        for (const auto& thread : fs::directory_iterator(directory / "task", none)) {
            if (thread.path().filename() == directory.filename()) {
                continue;
            }
            if (const auto one = read_status(thread.path())) {
                add_task(namespaces, one->pid,
                         fmt::format("tid {} ({})", one->pid.back(), printable(one->name)));
            }
        }
    }

    [[nodiscard]] std::vector<NumberUsers> result() && {
        // A task comes before what only bears its number.
        for (std::size_t i = 0; i < users_.size(); i++) {
            users_[i].merge(others_[i]);
        }
        return std::move(users_);
    }

private:
    /// The pid namespaces that the numbers of a process are of.
    Vector namespaces_of(const fs::path& directory, std::size_t levels) {
        if (levels == 1 && begins_here_) {
            return {chain_.back()};
        }
        const std::string link = directory / "ns/pid";
        struct stat status{};
        if (stat(link.c_str(), &status) != 0) {
            return {};
        }
        const auto inum = static_cast<std::uint32_t>(status.st_ino);
        auto [at, fresh] = known_.try_emplace(inum);
        if (fresh) {
            if (auto file = open_namespace(link, CLONE_NEWPID); file && file->inum == inum) {
                for (const NsFile& one : with_ancestors(std::move(*file))) {
                    at->second.push_back(one.inum);
                }
            }
        }
        return at->second;
    }

    template <class F>
    void each(const Vector& namespaces, const Vector& numbers, F&& f) const {
        for (std::size_t i = 0; i < std::min(namespaces.size(), numbers.size()); i++) {
            const auto at = std::ranges::find(chain_, namespaces[i]);
            // 0: the group or session came from outside and has no number there.
            if (at != chain_.end() && numbers[i] != 0) {
                f(static_cast<std::size_t>(at - chain_.begin()), numbers[i]);
            }
        }
    }
    void add_task(const Vector& namespaces, const Vector& numbers, const std::string& who) {
        each(namespaces, numbers, [&](std::size_t level, std::uint32_t number) {
            users_[level].insert_or_assign(number, who);
        });
    }
    void add_other(const Vector& namespaces, const Vector& numbers, const std::string& who) {
        each(namespaces, numbers, [&](std::size_t level, std::uint32_t number) {
            others_[level].try_emplace(number, who);
        });
    }

    std::span<const std::uint32_t> chain_;
    std::vector<NumberUsers> users_;
    std::vector<NumberUsers> others_ = std::vector<NumberUsers>(chain_.size());
    std::map<std::uint32_t, Vector> known_;
    bool begins_here_ = false;
};

}  // namespace

std::vector<NumberUsers> numbers_in_use(std::span<const std::uint32_t> chain) {
    Scan scan(chain);
    std::error_code none;
    for (const auto& process : fs::directory_iterator("/proc", none)) {
        if (!chain.empty() && is_number(process.path().filename())) {
            scan.process(process.path());
        }
    }
    return std::move(scan).result();
}

std::optional<std::uint32_t> own_pid_max() {
    std::uint32_t number = 0;
    return std::ifstream("/proc/sys/kernel/pid_max") >> number ? std::optional(number)
                                                               : std::nullopt;
}

std::optional<bool> pid_max_is_global() {
    const auto own = kernel_struct_has("pid_namespace", "pid_max");
    return own ? std::optional(!*own) : std::nullopt;
}

std::optional<Credentials> own_credentials() {
    struct stat user{};
    if (stat("/proc/self/ns/user", &user) != 0) {
        return std::nullopt;
    }
    std::ifstream file("/proc/self/status");
    for (std::string text; std::getline(file, text);) {
        constexpr std::string_view key = "CapEff:\t";
        if (text.starts_with(key)) {
            std::uint64_t effective = 0;
            std::from_chars(text.data() + key.size(), text.data() + text.size(), effective, 16);
            return Credentials{.user_ns = static_cast<std::uint32_t>(user.st_ino),
                               .euid = geteuid(),
                               .effective = effective};
        }
    }
    return std::nullopt;
}

}  // namespace nstrail
