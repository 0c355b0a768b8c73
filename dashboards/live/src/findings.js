// SPDX-License-Identifier: Apache-2.0
// What the rules found, with the events that prove it, and what is worth a look.
import { el, known } from "./dom.js";
import { eventWords, nsLink, taskLink } from "./event_words.js";
import { bootTime, count, number } from "./words.js";

const about = ({ task, namespace }) => [
    task ? taskLink(task) : null,
    namespace?.type ? nsLink(namespace.type, namespace.inum) : null,
];

function evidence(event, place) {
    return el("li", {}, el("span.place", {}, `#${place}`),
        event ? [el("time", {}, bootTime(event.at_boot_ns)), el("b", {}, event.kind), el("span", {}, eventWords(event))] : el("span.unknown", {}, "too long ago to be kept"));
}

const times = (one) => (one.count > 1 ? ` and ${number(one.count - 1)} more like it until ${bootTime(one.last_boot_ns)}` : "");

function finding(one) {
    return el("article", { class: `finding ${one.verdict}` },
        el("h3", {}, el("span.verdict", {}, one.verdict), " ", el("code", {}, one.rule), " ", el("time", {}, bootTime(one.at_boot_ns))),
        el("p", {}, one.because, times(one), one.why_unknown ? el("span.unknown", {}, ` Not certain, as ${one.why_unknown}.`) : null),
        el("p", {}, ...about(one)),
        el("details", { open: true }, el("summary", {}, `Evidence: ${count(one.evidence.length, "event")}`),
            el("ol.story", {}, one.evidence.map((event, i) => evidence(event, one.places[i])))));
}

function remark(one) {
    return el("article.remark", {},
        el("h3", {}, el("span.verdict", {}, "notable"), " ", el("code", {}, one.what), " ", el("time", {}, bootTime(one.at_boot_ns))),
        el("p", {}, one.because, times(one)), el("p", {}, ...about(one)));
}

function rules(list) {
    const uncheckable = list.filter((rule) => rule.uncheckable).length;
    return el("details.rules", {},
        el("summary", {}, `${count(list.length, "rule")}, ${number(uncheckable)} uncheckable here`),
        el("div.wide", {}, el("table", {},
            el("thead", {}, el("tr", {}, ["rule", "checked", "violations", "unknown"].map((word) => el("th", { scope: "col" }, word)))),
            el("tbody", {}, list.map((rule) => el("tr", {}, el("th", { scope: "row" }, rule.id),
                rule.uncheckable ? el("td.unknown", { colspan: 3 }, "uncheckable: a hook is missing") : [rule.checked, rule.violations, rule.unknown].map((n) => el("td", {}, known(n, number)))))))));
}

/** Shows nstrail.findings/1 in `into`; returns how many violations there are. */
export function showFindings(into, doc) {
    const open = into.querySelector("details.rules")?.open;
    const parts = [
        doc.findings.length === 0 ? el("p", {}, "No rule was broken, as far as it can be told.") : null,
        doc.left_out > 0 ? el("p.unknown", {}, `${count(doc.left_out, "finding")} left out.`) : null,
        ...doc.findings.map(finding),
        ...doc.notable.map(remark),
        rules(doc.rules),
    ];
    into.replaceChildren(...parts.filter(Boolean));
    if (open) into.querySelector("details.rules").open = true;
    return doc.findings.filter((one) => one.verdict === "violation").length;
}
