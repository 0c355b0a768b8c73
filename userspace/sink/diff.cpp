// SPDX-License-Identifier: Apache-2.0
#include "sink/diff.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sink/json_words.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

using nlohmann::ordered_json;

struct Moved {
    Task before;
    Task after;
};
struct Diff {
    std::vector<Namespace> ns_came;
    std::vector<Namespace> ns_went;
    std::vector<Task> came;
    std::vector<Task> went;
    std::vector<Moved> moved;
};

/// Both sorted by `identity`: f(one of the first alone), g(one of the second alone), h(both).
template <class T, class Identity, class F, class G, class H>
void pair_up(std::vector<T> before, std::vector<T> after, Identity identity, F f, G g, H h) {
    std::ranges::sort(before, {}, identity);
    std::ranges::sort(after, {}, identity);
    auto old = before.begin();
    for (const T& now : after) {
        while (old != before.end() && identity(*old) < identity(now)) {
            f(*old++);
        }
        if (old != before.end() && identity(*old) == identity(now)) {
            h(*old++, now);
        } else {
            g(now);
        }
    }
    std::for_each(old, before.end(), f);
}

Diff diff(const View& before, const View& after) {
    Diff found;
    pair_up(
        before.namespaces(), after.namespaces(),
        [](const Namespace& ns) { return std::tuple(ns.type(), ns.inum(), ns.gen()); },
        [&](const Namespace& ns) { found.ns_went.push_back(ns); },
        [&](const Namespace& ns) { found.ns_came.push_back(ns); },
        [](const Namespace& /*old*/, const Namespace& /*now*/) {});
    pair_up(
        before.tasks(), after.tasks(),
        [](const Task& task) { return std::pair(task.tid(), task.start_boottime_ns()); },
        [&](const Task& task) { found.went.push_back(task); },
        [&](const Task& task) { found.came.push_back(task); },
        [&](const Task& old, const Task& now) {
            if (old.ns() != now.ns()) {
                found.moved.push_back({.before = old, .after = now});
            }
        });
    return found;
}

ordered_json name_json(const Task& task) {
    return {{"tid", task.tid()},
            {"start_boottime_ns", task.start_boottime_ns()},
            {"tgid", task.tgid()},
            {"comm", text_json(task.comm())}};
}

/// Only the slots that differ.
ordered_json slots_json(const NsSet& of, const NsSet& other) {
    ordered_json slots = ordered_json::object();
    for (const Slot slot : all_slots) {
        if (of[slot] != other[slot]) {
            slots[std::string(slot_name(slot))] =
                of[slot] == 0 ? ordered_json() : ordered_json(of[slot]);
        }
    }
    return slots;
}

template <class T>
ordered_json names_json(const std::vector<T>& all) {
    return list_json(all, [](const T& one) { return name_json(one); });
}

/// Of either moment.
std::string doubt_of(const View& before, const View& after) {
    const std::string first = doubt(before);
    return first.empty() ? doubt(after) : first;
}

std::string words(const Task& task) {
    return fmt::format("{} ({})", task.comm(), task.tid());
}

}  // namespace

std::string diff_json(const View& before, const View& after) {
    const Diff found = diff(before, after);
    ordered_json moved = ordered_json::array();
    for (const Moved& one : found.moved) {
        ordered_json task = name_json(one.after);
        task["before"] = slots_json(one.before.ns(), one.after.ns());
        task["after"] = slots_json(one.after.ns(), one.before.ns());
        moved.push_back(std::move(task));
    }
    const std::string why = doubt_of(before, after);
    const ordered_json document = {
        {"schema", "nstrail.diff/1"},
        {"from_boot_ns", before.at_boot_ns()},
        {"to_boot_ns", after.at_boot_ns()},
        {"certain", before.certain() && after.certain()},
        {"doubt", why.empty() ? ordered_json() : ordered_json(why)},
        {"namespaces", {{"came", names_json(found.ns_came)}, {"went", names_json(found.ns_went)}}},
        {"tasks",
         {{"came", names_json(found.came)}, {"went", names_json(found.went)}, {"moved", moved}}}};
    return document.dump();
}

std::string diff_text(const View& before, const View& after) {
    const Diff found = diff(before, after);
    std::string out;
    const auto line = [&](char sign, const std::string& what) {
        out += fmt::format("{} {}\n", sign, what);
    };
    const auto of_ns = [](const Namespace& ns) {
        return fmt::format("{}:[{}]", type_name(ns.type()), ns.inum());
    };
    for (const Namespace& ns : found.ns_went) {
        line('-', of_ns(ns));
    }
    for (const Namespace& ns : found.ns_came) {
        line('+', of_ns(ns));
    }
    for (const Task& task : found.went) {
        line('-', words(task));
    }
    for (const Task& task : found.came) {
        line('+', words(task));
    }
    for (const Moved& one : found.moved) {
        std::string changes;
        for (const Slot slot : all_slots) {
            const auto inum = [](std::uint32_t number) {
                return number == 0 ? std::string("none") : std::to_string(number);
            };
            const std::uint32_t from = one.before.ns()[slot];
            const std::uint32_t to = one.after.ns()[slot];
            changes += from == to
                           ? ""
                           : fmt::format("  {} {} -> {}", slot_name(slot), inum(from), inum(to));
        }
        line('~', words(one.after) + changes);
    }
    if (const std::string why = doubt_of(before, after); !why.empty()) {
        out += why + '\n';
    }
    return out;
}

}  // namespace nstrail
