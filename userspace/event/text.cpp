// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <iterator>

#include "event/format.hpp"
#include "event/reflect.hpp"

namespace nstrail {

namespace {

/// The slots of a set by name, for comparing two.
struct Slots {
    struct Slot {
        std::string_view name;
        std::uint32_t inum;
    };
    std::vector<Slot> all;
    template <class T>
    void number(std::string_view name, T value, Format format) {
        if (format == Format::INUM) {
            all.push_back({name, static_cast<std::uint32_t>(value)});
        }
    }
};

std::vector<Slots::Slot> slots_of(const nst_ns_set& set) {
    Slots slots;
    visit_fields(set, slots);
    return slots.all;
}

struct TextWriter {
    fmt::memory_buffer& out;
    const Event& event;
    std::size_t tail_at;
    const nst_ns_set* before = nullptr;

    template <class... Args>
    void say(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    }

    template <class T>
    void number(std::string_view name, T value, Format format) {
        if (format == Format::KEY) {
            return;  // joins events for programs; nothing a person could use
        }
        if (value == 0 && (format == Format::ID || format == Format::INUM)) {
            return;
        }
        if (format == Format::FLAGS) {
            say(" {}={:#x}", name, value);
            return;
        }
        const std::string_view word = enum_name(format, static_cast<std::uint64_t>(value));
        if (name == "pids_max" && static_cast<std::uint32_t>(value) == UINT32_MAX) {
            say(" {}=none", name);
        } else if (word.empty()) {
            say(" {}={}", name, value);
        } else {
            say(" {}={}", name, word);
        }
    }

    void object(std::string_view name, const nst_task_ref& task, Format /*format*/) {
        if (task.key == 0 && task.tid == 0) {
            return;  // nobody in particular
        }
        if (task.tid == task.tgid) {
            say(" {}={}", name, task.tid);
        } else {
            say(" {}={}/{}", name, task.tgid, task.tid);
        }
    }

    void object(std::string_view name, const nst_ns_set& set, Format /*format*/) {
        if (name == "before") {
            before = &set;  // told together with what comes after
            return;
        }
        if (name == "after") {
            changes(set);
            return;
        }
        if (set.nsproxy == 0) {
            return;
        }
        say(" {}=", name);
        bool first = true;
        for (const auto& slot : slots_of(set)) {
            if (!slot.name.ends_with("_for_children")) {
                say("{}{}:{}", first ? "" : ",", slot.name, slot.inum);
                first = false;
            }
        }
        if (set.pid_for_children != set.pid) {
            say(",pid_for_children:{}", set.pid_for_children);
        }
        if (set.time_for_children != set.time) {
            say(",time_for_children:{}", set.time_for_children);
        }
    }

    void changes(const nst_ns_set& after) {
        if (after.nsproxy == 0) {
            say(" nsproxy=NULL");
            return;
        }
        const auto old_slots = slots_of(*before);
        const auto new_slots = slots_of(after);
        for (std::size_t i = 0; i < new_slots.size(); i++) {
            if (before->nsproxy == 0) {
                say(" {}={}", new_slots[i].name, new_slots[i].inum);
            } else if (old_slots[i].inum != new_slots[i].inum) {
                say(" {}={}→{}", new_slots[i].name, old_slots[i].inum, new_slots[i].inum);
            }
        }
    }

    void text(std::string_view name, const char* chars, std::size_t size) {
        if (const std::string_view text = text_of(chars, size); !text.empty()) {
            say(" {}={}", name, printable(text));
        }
    }

    template <class Element>
    void tail(std::string_view name, std::uint32_t count) {
        const auto* elements = reinterpret_cast<const Element*>(event.bytes().data() + tail_at);
        say(" {}=", name);
        for (std::uint32_t i = 0; i < count; i++) {
            const std::string_view separator = i == 0 ? "" : ":";
            if (elements[i].nr == 0) {
                say("{}?", separator);  // none was given
            } else {
                say("{}{}", separator, elements[i].nr);
            }
        }
    }
};

}  // namespace

void append_text(fmt::memory_buffer& out, const Event& event) {
    fmt::format_to(std::back_inserter(out), "{:>14} {:<13}", boot_seconds(event.boot_ns()),
                   kind_name(event.kind()));
    with_fixed_part(event, [&](const auto& fixed) {
        TextWriter writer{.out = out, .event = event, .tail_at = sizeof(fixed)};
        visit_fields(fixed, writer);
    });
}

std::string to_text(const Event& event) {
    fmt::memory_buffer out;
    append_text(out, event);
    return fmt::to_string(out);
}

}  // namespace nstrail
