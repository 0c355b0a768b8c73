// SPDX-License-Identifier: Apache-2.0
// A host on paper with more on it than any has, for what depends on how much there is: memory, and
// the longest that one event takes. Other than Script it keeps no truth beside the World;
// everything about a task follows from its number.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "event/event.hpp"
#include "model/world.hpp"
#include "rules/checker.hpp"

namespace nstrail::test {

inline constexpr std::uint32_t million = 1'000'000;

/// The most CPU time that one event took, since the last reset. CPU time of the thread, not wall
/// time, as a stall is what the model does and not what else the machine is doing; page faults
/// count.
struct Longest {
    std::uint64_t ns = 0;
    Kind kind = NST_KIND_end;
    std::uint64_t events = 0;
    std::uint64_t total_ns = 0;
};

/// Tasks are numbered from 0; container c has the `per_container()` tasks from c * per_container(),
/// of which the first is its init. Each container has five namespaces, an nsproxy and a cgroup of
/// its own. All are processes, which take more than threads.
class Crowd {
public:
    struct Size {
        std::uint32_t tasks = 1'000'000;
        std::uint32_t containers = 20'000;  ///< 0 = all tasks are in the initial namespaces
        /// Pid namespaces that a container's task is in: the initial one, its own, and any between.
        std::uint32_t levels = 2;
    };
    static constexpr std::uint32_t namespaces_each = 5;  // mnt, uts, ipc, net, pid

    enum class With { model, rules };
    /// A World that is certain, with init and kthreadd in it. Tasks are told by what follows.
    explicit Crowd(Size size, With with = With::model);

    // -- Events.
    void born(std::uint32_t i);      ///< alloc_pid and task_new; of an init its namespaces before
    void executed(std::uint32_t i);  ///< another program
    void exited(std::uint32_t i);    ///< task_exit and ns_switch to NULL
    void released(std::uint32_t i);  ///< task_release, free_pid, task_free
    void freed(std::uint32_t container);  ///< the inums of its namespaces
    /// A task that is no init goes, chosen by any number, and its like comes.
    void replaced(std::uint64_t any);
    static constexpr int life_events = 7;  ///< of a life: those of born, exited and released
    void all_born();
    /// task_seen; of an init what it refers to before. Between the two below.
    void seen(std::uint32_t i);
    void begin_round(std::uint32_t round);
    void end_round(std::uint32_t round);
    /// Something that changes nothing: events that a sweep goes on with.
    void tick();
    void gap();
    /// unshare(2) of one task, with an nsproxy that nobody else has but nothing else new.
    void own_nsproxy(std::uint32_t i);

    // -- What follows from the number.
    [[nodiscard]] const Size& size() const { return size_; }
    [[nodiscard]] std::uint32_t per_container() const {
        return size_.containers == 0 ? size_.tasks : size_.tasks / size_.containers;
    }
    [[nodiscard]] bool init(std::uint32_t i) const {
        return size_.containers != 0 && i % per_container() == 0;
    }
    /// Spread over all numbers that there can be.
    [[nodiscard]] std::uint32_t tid(std::uint32_t i) const;
    [[nodiscard]] std::uint32_t inum(std::uint32_t container, std::uint32_t which) const {
        return 0xF0000100U + (container * namespaces_each) + which;
    }

    /// Any other event.
    template <class T, class E = nst_pid_nr>
    void tell(T fixed, std::span<const E> tail = {}) {
        fixed.header.kind = kind_of<T>;
        fixed.header.boot_ns = now_ += 1000;
        static_assert(sizeof(T) + (NST_MAX_LEVELS * sizeof(E)) <= sizeof(buffer_));
        std::memcpy(buffer_.data(), &fixed, sizeof(T));
        std::ranges::copy(std::as_bytes(tail), buffer_.begin() + sizeof(T));
        apply({buffer_.data(), sizeof(T) + tail.size_bytes()});
    }

    World world;
    std::optional<Checker> checker;  ///< with rules: takes the events to the World
    bool timed = false;              ///< fills `longest`
    Longest longest;

private:
    /// The pid namespace of that level that all containers are in.
    [[nodiscard]] static std::uint32_t around(std::uint32_t level);

    struct Member;
    [[nodiscard]] Member member(std::uint32_t i) const;
    void facts(std::uint32_t container, std::uint32_t round);
    void cgroup(std::uint32_t container, nst_cgroup_what what, std::uint32_t round);
    void apply(std::span<const std::byte> record);
    void take(const Event& event) { checker ? checker->apply(event) : world.apply(event); }

    Size size_;
    std::uint32_t round_ = 0;
    std::uint64_t now_ = 1'000'000'000;
    alignas(8) std::array<std::byte, 2048> buffer_{};
};

/// All born, 50 tasks in each container.
[[nodiscard]] std::unique_ptr<Crowd> crowd_of(std::uint32_t tasks,
                                              Crowd::With with = Crowd::With::model);

/// Bytes that malloc has given out and not had back, its own overhead included. 0 under sanitizers.
[[nodiscard]] std::uint64_t bytes_in_use();

}  // namespace nstrail::test
