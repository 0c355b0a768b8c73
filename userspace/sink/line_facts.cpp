// SPDX-License-Identifier: Apache-2.0
#include "sink/line_facts.hpp"

#include <utility>
#include <vector>

#include "event/reflect.hpp"
#include "rules/rule.hpp"

namespace nstrail {

namespace {

bool nobody(const nst_task_ref& task) {
    return task.key == 0 && task.tid == 0;
}

/// The slot of that name; nothing if the field is none.
std::optional<Slot> slot_of(FilterField field) {
    switch (field) {
        case FilterField::mnt:
            return Slot::mnt;
        case FilterField::uts:
            return Slot::uts;
        case FilterField::ipc:
            return Slot::ipc;
        case FilterField::net:
            return Slot::net;
        case FilterField::cgroup:
            return Slot::cgroup;
        case FilterField::time:
            return Slot::time;
        case FilterField::time_for_children:
            return Slot::time_for_children;
        case FilterField::pid_for_children:
            return Slot::pid_for_children;
        case FilterField::pid:
            return Slot::pid;
        case FilterField::user:
            return Slot::user;
        default:
            return std::nullopt;
    }
}

/// Unknown where there is no text.
FilterText known(std::string_view text) {
    return {.there = text.empty() ? Truth::unknown : Truth::yes, .text = text};
}

/// Known to be none where there is no text.
FilterText or_none(std::string_view text) {
    return {.there = text.empty() ? Truth::no : Truth::yes, .text = text};
}

}  // namespace

Result<Filter> parse_filter(std::string_view text) {
    std::vector<std::string_view> rules;
    for (const Rule* rule : all_rules()) {
        rules.push_back(rule->id);
    }
    std::array<std::string_view, notable_count> notables;
    for (std::size_t what = 0; what < notable_count; what++) {
        notables[what] = notable_name(static_cast<Notable>(what));
    }
    return Filter::parse(text, {.findings = rules, .notables = notables});
}

/// Takes from the fields of any event what they mean by their names.
struct LineFacts::Reader {
    LineFacts& to;
    std::size_t tail_at;  // bytes of the fixed part

    template <class T>
    void number(std::string_view name, const T& value, Format format) {
        const auto number = static_cast<std::uint32_t>(value);
        if (name == "actor_tid") {
            to.actor_tid_ = number;
        } else if (name == "level") {
            to.level_ = number;
        } else if (name == "type") {
            to.type_ = number < NST_ns_type_end ? static_cast<NsType>(number) : NST_ns_type_none;
        } else if (format == Format::INUM) {
            inum(name, number);
        }
    }
    void object(std::string_view name, const nst_task_ref& task, Format /*format*/) {
        if (nobody(task)) {
            return;
        }
        if (name == "actor") {
            to.actor_ = &task;
        } else {
            to.tasks_[to.tasks_[0] != nullptr ? 1 : 0] = &task;
        }
    }
    void object(std::string_view /*name*/, const nst_ns_set& set, Format /*format*/) {
        const nst_ns_set nothing{};
        if (std::memcmp(&set, &nothing, sizeof(set)) != 0) {
            to.sets_[to.sets_[0] != nullptr ? 1 : 0] = &set;
        }
    }
    void text(std::string_view name, const char* chars, std::size_t size) {
        if (name == "comm") {
            to.comm_ = text_of(chars, size);
        }
    }
    template <class Element>
    void tail(std::string_view /*name*/, std::uint32_t count) {
        if (count == 0) {
            return;
        }
        const auto* numbers = reinterpret_cast<const Element*>(to.event_->bytes().data() + tail_at);
        to.levels_ = count;
        to.outermost_nr_ = numbers[0].nr;
        to.innermost_ = {.pid_namespace = numbers[count - 1].pid_namespace,
                         .nr = numbers[count - 1].nr};
    }

private:
    void inum(std::string_view name, std::uint32_t number) {
        if (name == "inum") {
            to.inum_ = number;
        } else if (name == "pid_namespace") {
            to.pid_namespace_ = number;
        } else if (name == "mnt") {
            to.mnt_ = number;
        } else if (name == "before") {
            to.users_[0] = number;
        } else if (name == "after") {
            to.users_[1] = number;
        } else if (name == "actor_user") {
            to.users_[2] = number;
        }
    }
};

LineFacts::LineFacts(Besides& besides, const Event& event, const Change& change)
    : besides_(besides),
      event_(&event),
      change_(&change),
      kind_(event.kind()),
      at_boot_ns_(event.boot_ns()) {
    with_fixed_part(event, [&](const auto& fixed) {
        Reader reader{.to = *this, .tail_at = sizeof(fixed)};
        visit_fields(fixed, reader);
    });
    if (kind_ == NST_KIND_ns_switch) {
        before_unknown_ = event.as<nst_ns_switch>().via == NST_switch_via_syscall;
    } else if (kind_ == NST_KIND_inum_free) {
        type_ = change.ended;
    }
    find_record(change);
}

void LineFacts::find_record(const Change& change) {
    if (change.task != nullptr) {
        record_ = change.task;
    } else if (change.released) {
        record_ = &*change.released;
        released_ = &change;
    } else if (tasks_[0] != nullptr) {
        record_ = besides_.world().find_key(tasks_[0]->key);
        if (record_ != nullptr && record_->start_boottime_ns != tasks_[0]->start_boottime_ns) {
            record_ = nullptr;  // another task at that address
        }
    } else {
        record_ = change.actor;
    }
}

void LineFacts::take(const nst_task_ref& task, std::string_view comm) {
    comm_ = comm;
    if (nobody(task)) {
        return;
    }
    tasks_[0] = &task;
    find_record({});
}

LineFacts::LineFacts(Besides& besides, const Finding& finding)
    : besides_(besides),
      kind_(filter_kind_finding),
      at_boot_ns_(finding.at_boot_ns),
      inum_(finding.ns_inum),
      type_(finding.ns_type),
      rule_(finding.rule) {
    take(finding.task, finding.comm);
}

LineFacts::LineFacts(Besides& besides, const Remark& remark)
    : besides_(besides),
      kind_(filter_kind_notable),
      at_boot_ns_(remark.at_boot_ns),
      inum_(remark.ns_inum),
      type_(remark.ns_type),
      container_(remark.container),
      notable_(notable_name(remark.what)) {
    take(remark.task, remark.comm);
}

void LineFacts::numbers(FilterField field, FilterNumbers& to) const {
    if (const auto slot = slot_of(field)) {
        add_slot(*slot, to);
        return;
    }
    const bool any_task = tasks_[0] != nullptr;
    switch (field) {
        case FilterField::at_boot_ns:
            to.add(at_boot_ns_);
            return;
        case FilterField::tid:
        case FilterField::tgid: {
            const bool group = field == FilterField::tgid;
            for (const nst_task_ref* task : {tasks_[0], tasks_[1], any_task ? nullptr : actor_}) {
                if (task != nullptr) {
                    to.add(group ? task->tgid : task->tid);
                }
            }
            if (!any_task && actor_ == nullptr && record_ != nullptr) {
                to.add(group ? record_->tgid : record_->tid);
            }
            // Of numbers that are given or taken back the task is not told.
            if (!any_task && !group) {
                to.add_known(outermost_nr_);
            }
            return;
        }
        case FilterField::actor_tid:
            if (actor_ != nullptr) {
                to.add(actor_->tid);
            } else if (actor_tid_) {
                to.add(*actor_tid_);
            } else if (change_ != nullptr && change_->actor != nullptr) {
                to.add(change_->actor->tid);
            }
            return;
        case FilterField::nr:
            if (levels_ != 0) {
                to.add_known(innermost_.nr);
            } else if (record_ != nullptr && pid_namespace_ == 0) {
                to.add_known(record_->vpids.innermost().nr);
            }
            return;
        case FilterField::level:
            add_level(to);
            return;
        case FilterField::ns:
            for (const Slot slot : all_slots) {
                add_slot(slot, to);
            }
            to.add_known(inum_);
            return;
        default:
            return;
    }
}

void LineFacts::add_level(FilterNumbers& to) const {
    // Of an allocation that failed only some levels may be told.
    if (levels_ != 0 && (pid_namespace_ == 0 || pid_namespace_ == innermost_.pid_namespace)) {
        to.add(levels_ - 1);
    } else if (pid_namespace_ != 0) {
        const NsRecord* ns = besides_.world().find_namespace(pid_namespace_);
        if (ns != nullptr && ns->facts) {
            to.add(ns->level);
        }
    } else if (level_) {
        if (type_ == NST_ns_type_pid || type_ == NST_ns_type_user) {
            to.add(*level_);
        }
    } else if (record_ != nullptr && record_->vpids.size() != 0) {
        to.add(record_->vpids.size() - 1);
    }
}

void LineFacts::add_slot(Slot slot, FilterNumbers& to) const {
    for (const nst_ns_set* set : sets_) {
        if (set != nullptr) {
            to.add_known(NsSet(*set)[slot]);
        }
    }
    if (change_ != nullptr && change_->transition && kind_ != NST_KIND_task_new) {
        to.add_known(change_->transition->before[slot]);  // also where it was found later
    }
    if (sets_[0] == nullptr && record_ != nullptr) {
        to.add_known(released_ != nullptr ? released_->released_ns[slot]
                                          : besides_.world().set_of(*record_)[slot]);
    }
    if (slot == Slot::pid) {
        to.add_known(pid_namespace_);
        to.add_known(levels_ != 0         ? innermost_.pid_namespace
                     : record_ != nullptr ? record_->vpids.innermost().pid_namespace
                                          : 0);
    } else if (slot == Slot::user) {
        for (const std::uint32_t user : users_) {
            to.add_known(user);
        }
    } else if (slot == Slot::mnt) {
        to.add_known(mnt_);
    }
    if (inum_ != 0 && type_ == slot_type(slot) && !for_children(slot)) {
        to.add(inum_);
    }
    const bool any_type = inum_ != 0 && type_ == NST_ns_type_none;
    to.incomplete = to.incomplete || any_type || (before_unknown_ && in_nsproxy(slot));
}

const Whereabouts* LineFacts::whereabouts() const {
    if (record_ == nullptr) {
        return nullptr;
    }
    return released_ != nullptr ? besides_.whereabouts_of_released(*released_)
                                : besides_.whereabouts(*record_);
}

FilterText LineFacts::text(FilterField field) const {
    switch (field) {
        case FilterField::comm:
            return known(!comm_.empty() ? comm_ : record_ != nullptr ? record_->name() : "");
        case FilterField::exe:
            return known(record_ != nullptr && released_ == nullptr
                             ? besides_.world().exe_of(*record_)
                             : "");
        case FilterField::finding:
            return or_none(rule_);
        case FilterField::notable:
            return or_none(notable_);
        case FilterField::container:
            if (!container_.empty()) {
                return known(container_);
            }
            break;
        default:
            break;
    }
    const Whereabouts* here = whereabouts();
    if (here == nullptr) {
        return {};
    }
    switch (field) {
        case FilterField::container:
            return or_none(here->container);
        case FilterField::runtime:
            // A container's may not be known.
            return here->container.empty() ? or_none(here->runtime) : known(here->runtime);
        case FilterField::pod:
            return or_none(here->pod);
        case FilterField::unit:
            return or_none(here->unit);
        default:
            return {};
    }
}

}  // namespace nstrail
