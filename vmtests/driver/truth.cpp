// SPDX-License-Identifier: Apache-2.0
#include "truth.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmtests {
namespace {

namespace fs = std::filesystem;

constexpr unsigned long pf_wq_worker = 0x20;
constexpr unsigned long pf_kthread = 0x200000;
constexpr std::size_t comm_length = 15;  // TASK_COMM_LEN without its NUL

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

std::vector<int> numeric_entries(const std::string& directory) {
    std::vector<int> result;
    std::error_code error;
    // A process may end while its directory is read; what is gone is simply not listed.
    for (fs::directory_iterator at(directory, error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename();
        int number = 0;
        const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (bad == std::errc{} && rest == name.data() + name.size()) result.push_back(number);
    }
    return result;
}

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) return std::nullopt;
    std::ostringstream text;
    text << file.rdbuf();
    // seq_file gives ESRCH for a task that went between open and read.
    if (text.str().empty()) return std::nullopt;
    return text.str();
}

std::optional<Inum> inum_at(const std::string& path) {
    std::error_code error;
    const std::string link = fs::read_symlink(path, error);
    const std::size_t bracket = link.find('[');
    if (error || bracket == std::string::npos) return std::nullopt;
    return static_cast<Inum>(std::strtoul(link.c_str() + bracket + 1, nullptr, 10));
}

std::optional<Inum> inum_of(const Fd& fd) {
    struct stat status{};
    if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) return std::nullopt;
    return static_cast<Inum>(status.st_ino);
}

std::optional<TaskTruth> read_task(int tgid, int tid) {
    const std::string base = "/proc/" + std::to_string(tgid) + "/task/" + std::to_string(tid);
    TaskTruth task;
    task.tid = tid;
    task.tgid = tgid;

    const auto stat = read_file(base + "/stat");
    const auto status = read_file(base + "/status");
    if (!stat || !status) return std::nullopt;
    // "tid (comm) state ppid …": comm may hold anything, the last bracket ends it.
    const std::size_t open = stat->find('(');
    const std::size_t close = stat->rfind(')');
    if (open == std::string::npos || close == std::string::npos) return std::nullopt;
    task.comm = stat->substr(open + 1, close - open - 1);
    std::istringstream rest(stat->substr(close + 2));
    std::string state;
    unsigned long flags = 0;
    std::string skipped;
    rest >> state >> task.ppid;
    for (int field = 5; field <= 8; ++field)
        rest >> skipped;
    rest >> flags;
    for (int field = 10; field <= 21; ++field)
        rest >> skipped;
    rest >> task.start_ticks;
    if (!rest) return std::nullopt;
    // X is EXIT_DEAD: between release_task and the end of the directory entry it is no task.
    if (state == "X") return std::nullopt;
    task.zombie = state == "Z";
    task.kernel_thread = (flags & pf_kthread) != 0;
    // "kworker/0:1-events" says what it does at the moment; only the name before it stays. A
    // rescuer
    // ("kworker/R-…", "nvme-wq") has no pool number and keeps its whole name.
    if (const std::size_t pool = task.comm.find(':'); (flags & pf_wq_worker) != 0 &&
                                                      task.comm.starts_with("kworker/") &&
                                                      pool != std::string::npos) {
        task.comm.resize(std::min(task.comm.find_first_of("+-", pool), task.comm.size()));
    }

    const std::size_t numbers = status->find("\nNSpid:");
    if (numbers == std::string::npos) return std::nullopt;
    std::istringstream line(
        status->substr(numbers + 7, status->find('\n', numbers + 1) - numbers - 7));
    for (int number = 0; line >> number;)
        task.numbers.push_back(number);

    for (std::size_t i = 0; i < names::slots.size(); ++i) {
        task.ns[i] = inum_at(base + "/ns/" + std::string(names::slots[i]));
    }
    return task;
}

// NS_GET_PARENT and NS_GET_USERNS answer EPERM above the initial namespace: that is "none".
std::optional<std::string> relate(const std::string& link, const NamespaceKey& key,
                                  NamespaceTruth& found) {
    const Fd fd(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
    if (inum_of(fd) != key.inum) return link + " changed while it was read";
    const Fd owner(::ioctl(fd.get(), NS_GET_USERNS));
    if (owner.get() < 0 && errno != EPERM) return "NS_GET_USERNS: " + std::string(strerror(errno));
    found.owner = inum_of(owner);
    if (key.type != "pid" && key.type != "user") return std::nullopt;
    int above = ::ioctl(fd.get(), NS_GET_PARENT);
    if (above < 0 && errno != EPERM) return "NS_GET_PARENT: " + std::string(strerror(errno));
    for (; above >= 0; ++found.level) {
        const Fd at(above);
        if (found.level == 0) found.parent = inum_of(at);
        above = ::ioctl(at.get(), NS_GET_PARENT);
    }
    return std::nullopt;
}

}  // namespace

void count_members(Truth& truth) {
    for (const auto& [tid, task] : truth.tasks) {
        for (std::size_t i = 0; i < names::slots.size(); ++i) {
            if (!task.ns[i]) continue;
            NamespaceTruth& entry =
                truth.namespaces[{std::string(names::type_of_slot(i)), *task.ns[i]}];
            if (!names::is_membership(i)) continue;
            ++entry.members;
            entry.zombies += task.zombie ? 1 : 0;
            entry.processes += task.tid == task.tgid ? 1 : 0;
        }
    }
}

std::expected<Truth, std::string> read_truth() {
    Truth truth;
    for (const int tgid : numeric_entries("/proc")) {
        for (const int tid : numeric_entries("/proc/" + std::to_string(tgid) + "/task")) {
            if (auto task = read_task(tgid, tid)) truth.tasks.emplace(tid, std::move(*task));
        }
    }
    if (!truth.tasks.contains(1)) return std::unexpected("cannot read /proc: it has no task 1");
    count_members(truth);
    // One open file per namespace is enough for its parent, owner and level.
    std::map<NamespaceKey, bool> related;
    for (const auto& [tid, task] : truth.tasks) {
        for (std::size_t i = 0; i < names::slots.size(); ++i) {
            if (!task.ns[i]) continue;
            const NamespaceKey key{std::string(names::type_of_slot(i)), *task.ns[i]};
            if (std::exchange(related[key], true)) continue;
            const std::string link = "/proc/" + std::to_string(task.tgid) + "/task/" +
                                     std::to_string(tid) + "/ns/" + std::string(names::slots[i]);
            if (auto error = relate(link, key, truth.namespaces[key])) {
                return std::unexpected(*error);
            }
        }
    }
    return truth;
}

bool same_comm(const TaskTruth& task, const std::string& comm) {
    if (task.comm == comm) return true;
    if (!task.kernel_thread || comm.empty() || !task.comm.starts_with(comm)) return false;
    // Cut off at task->comm's length, or followed by what a worker works on (wq_worker_comm).
    const char next = task.comm[comm.size()];
    return comm.size() == comm_length || next == '-' || next == '+';
}

std::string moved_between(const Truth& before, const Truth& after) {
    for (const auto& [tid, task] : before.tasks) {
        const auto now = after.tasks.find(tid);
        if (now == after.tasks.end()) return "tid " + std::to_string(tid) + " went";
        if (now->second != task) return "tid " + std::to_string(tid) + " changed";
    }
    for (const auto& [tid, task] : after.tasks) {
        if (!before.tasks.contains(tid)) return "tid " + std::to_string(tid) + " came";
    }
    if (before.namespaces != after.namespaces) return "a namespace changed";
    return {};
}

}  // namespace vmtests
