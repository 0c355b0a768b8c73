// SPDX-License-Identifier: Apache-2.0
#include "sink/findings.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "event/format.hpp"
#include "sink/json_words.hpp"

namespace nstrail {

namespace {

using nlohmann::ordered_json;

/// Whom it is about, null where nobody.
template <class T>
ordered_json task_json(const T& found) {
    if (found.task.tid == 0) {
        return {};
    }
    return {{"tid", found.task.tid},
            {"tgid", found.task.tgid},
            {"start_boottime_ns", found.task.start_boottime_ns},
            {"comm", text_json(found.comm)}};
}

template <class T>
ordered_json ns_json(const T& found) {
    if (found.ns_inum == 0) {
        return {};
    }
    const bool known = found.ns_type != NST_ns_type_none;
    return {{"type", known ? ordered_json(type_name(found.ns_type)) : ordered_json()},
            {"inum", found.ns_inum},
            {"gen", known ? ordered_json(found.ns_gen) : ordered_json()}};
}

ordered_json set_json(const NsSet& set) {
    ordered_json object;
    for (const Slot slot : all_slots) {
        object[std::string(slot_name(slot))] =
            set[slot] == 0 ? ordered_json() : ordered_json(set[slot]);
    }
    return object;
}

ordered_json fields(const Remark& remark) {
    return {{"what", notable_name(remark.what)},
            {"at_boot_ns", remark.at_boot_ns},
            {"task", task_json(remark)},
            {"container", text_json(remark.container)},
            {"namespace", ns_json(remark)},
            {"because", text_json(remark.because)},
            {"before", remark.transition ? set_json(remark.transition->before) : ordered_json()},
            {"after", remark.transition ? set_json(remark.transition->after) : ordered_json()},
            {"count", remark.count},
            {"last_boot_ns", remark.last_boot_ns}};
}

ordered_json fields(const Finding& finding) {
    ordered_json evidence = ordered_json::array();
    ordered_json places = ordered_json::array();
    for (const Evidence& one : finding.evidence) {
        const auto event = one.event.event();
        evidence.push_back(event ? ordered_json::parse(to_json(*event)) : ordered_json());
        places.push_back(one.place);
    }
    return {{"rule", finding.rule},
            {"verdict", verdict_name(finding.verdict)},
            {"why_unknown", text_json(finding.why_unknown)},
            {"at_boot_ns", finding.at_boot_ns},
            {"task", task_json(finding)},
            {"namespace", ns_json(finding)},
            {"because", text_json(finding.because)},
            {"count", finding.count},
            {"last_boot_ns", finding.last_boot_ns},
            {"evidence", std::move(evidence)},
            {"places", std::move(places)}};
}

ordered_json rules_json(const Findings& findings) {
    ordered_json rules = ordered_json::array();
    for (const RuleCount& rule : findings.rules) {
        rules.push_back({{"id", rule.id},
                         {"checked", rule.checked},
                         {"violations", rule.violations},
                         {"unknown", rule.unknown},
                         {"uncheckable", rule.uncheckable}});
    }
    return rules;
}

template <class List>
ordered_json fields_of(const List& all) {
    return list_json(all, [](const auto& one) { return fields(one); });
}

std::string times(std::uint64_t count, std::uint64_t last_boot_ns) {
    return count <= 1 ? ""
                      : fmt::format(" (and {} more like it until {})", count - 1,
                                    boot_seconds(last_boot_ns));
}

}  // namespace

std::string finding_json(const Finding& finding) {
    ordered_json object = {{"kind", "finding"}};
    object.update(fields(finding));
    return object.dump();
}

std::string finding_text(const Finding& finding) {
    std::string out = fmt::format(
        "{} {} at {}: {}", finding.verdict == Verdict::violation ? "VIOLATION" : "unknown",
        finding.rule, boot_seconds(finding.at_boot_ns), printable(finding.because));
    if (!finding.why_unknown.empty()) {
        out += fmt::format("; not certain, as {}", finding.why_unknown);
    }
    out += times(finding.count, finding.last_boot_ns) + '\n';
    for (const Evidence& one : finding.evidence) {
        const auto event = one.event.event();
        out += fmt::format("    {:>8}  {}\n", one.place,
                           event ? to_text(*event) : "(too long ago to be kept)");
    }
    return out;
}

std::string remark_json(const Remark& remark) {
    ordered_json object = {{"kind", "notable"}};
    object.update(fields(remark));
    return object.dump();
}

std::string remark_text(const Remark& remark) {
    const std::string container =
        remark.container.empty() ? "" : fmt::format(" [{}]", printable(remark.container));
    return fmt::format("notable {} at {}: {}{}{}\n", notable_name(remark.what),
                       boot_seconds(remark.at_boot_ns), printable(remark.because), container,
                       times(remark.count, remark.last_boot_ns));
}

std::string findings_json(const Findings& findings, const Notices& notices) {
    return ordered_json{{"schema", "nstrail.findings/1"},
                        {"rules", rules_json(findings)},
                        {"findings", fields_of(findings.findings)},
                        {"left_out", findings.left_out},
                        {"notable", fields_of(notices.remarks)}}
        .dump();
}

std::string check_json(const Findings& findings, const Notices& notices, const Account& account,
                       std::size_t namespaces_alive) {
    return ordered_json{{"schema", "nstrail.check/1"},
                        {"events", sum(account.events)},
                        {"lost", sum(account.lost)},
                        {"gaps", sum(account.gaps)},
                        {"rules", rules_json(findings)},
                        {"findings", fields_of(findings.findings)},
                        {"left_out", findings.left_out},
                        {"notable", fields_of(notices.remarks)},
                        {"account",
                         {{"created", sum(account.created)},
                          {"destroyed", sum(account.destroyed)},
                          {"alive", namespaces_alive}}}}
        .dump();
}

std::string check_text(const Findings& findings, const Notices& notices, const Account& account,
                       std::size_t namespaces_alive) {
    std::string out;
    for (const Remark& remark : notices.remarks) {
        out += remark_text(remark);
    }
    for (const Finding& finding : findings.findings) {
        out += finding_text(finding);
    }
    std::string uncheckable;
    std::uint64_t checked = 0;
    for (const RuleCount& rule : findings.rules) {
        checked += rule.checked;
        uncheckable += rule.uncheckable ? fmt::format(" {}", rule.id) : "";
    }
    if (!uncheckable.empty()) {
        out += fmt::format("not checked, as hooks were missing:{}\n", uncheckable);
    }
    out += fmt::format(
        "{} events, {} lost in {} gaps; namespaces: {} created, {} destroyed, {} alive; "
        "{} checks: {} violations, {} unknown\n",
        sum(account.events), sum(account.lost), sum(account.gaps), sum(account.created),
        sum(account.destroyed), namespaces_alive, checked, findings.violations(),
        findings.unknown());
    return out;
}

std::string rules_markdown() {
    std::string out =
        "<!-- Made from userspace/rules/invariants/ by `nstrail-docs rules`; do not edit. -->\n"
        "# Rules\n\n"
        "What the kernel promises of namespaces and tasks, one file each in "
        "`userspace/rules/invariants/`.\n"
        "`nstrail rules` prints this list with what can be checked on the running kernel; the "
        "agent, `nstrail live`\nand `nstrail check` hold every event against it.\n\n"
        "A finding is a **violation** where the kernel broke the rule: everything that is needed "
        "to "
        "say so is in the\nstream. It is **unknown** where events were lost around it that might "
        "explain it. A rule is\n**uncheckable** where a hook that it needs is missing. Order is "
        "the order of the stream, never time.\n";
    for (const Rule* rule : all_rules()) {
        std::string hooks;
        for (const nst_hook hook : rule->hooks) {
            hooks += fmt::format("{}`{}`", hooks.empty() ? "" : ", ", hook_name(hook));
        }
        std::string kinds;
        for (const Reader& reader : rule->readers) {
            kinds += fmt::format("{}`{}`", kinds.empty() ? "" : ", ", kind_name(reader.kind));
        }
        out += fmt::format(
            "\n## {}\n\n{}\n\n- By: {}\n- Needs the hooks: {}\n- Reads: {}\n{}", rule->id,
            rule->statement, rule->kernel, hooks, kinds,
            rule->exceptions.empty() ? "" : fmt::format("- Not a breach: {}\n", rule->exceptions));
    }
    return out;
}

}  // namespace nstrail
