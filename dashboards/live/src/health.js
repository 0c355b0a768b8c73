// SPDX-License-Identifier: Apache-2.0
// What is uncertain and why, what was lost where, and the hooks.
import { el, facts, known } from "./dom.js";
import { key } from "./forest.js";
import { link } from "./place.js";
import { count, nsName, number } from "./words.js";

/** The samples of Prometheus text: [{name, labels, value}]. */
export function samples(text) {
    const line = /^(\w+)(?:\{(.*)\})? (\S+)/;
    return text.split("\n").map((one) => line.exec(one)).filter(Boolean)
        .map(([, name, labels, value]) => ({ name, labels: labels ?? "", value: Number(value) }));
}

const losses = /^nstrail_(emitted_events_total|delivered_events_total|lost_\w+_total|gaps_\w*total|tasks_dropped_total|sse_dropped_lines_total|recording_\w*(dropped|lost)\w*_total|resyncs?\w*_total)$/;

function loss(text) {
    const found = samples(text).filter(({ name }) => losses.test(name));
    if (found.length === 0) return el("p.unknown", {}, "Not known.");
    return facts(found.map(({ name, labels, value }) => [
        [name.replace(/^nstrail_|_total$/g, "").replaceAll("_", " "), labels.replace(/\w+="([^"]*)"/g, " $1")].join(""), number(value)]));
}

function doubts(doc) {
    const doubtful = doc.namespaces.filter((ns) => ns.certain === false);
    return [
        el("p", {}, doc.certain ? "What is shown is certain" : "What is shown is not certain", doc.doubt ? `: ${doc.doubt}.` : "."),
        facts([["mode", known(doc.mode)], ["events lost", known(doc.lost, number)], ["uncertain namespaces", number(doubtful.length)]]),
        el("p", {}, doubtful.slice(0, 50).flatMap((ns) => [el("a", { href: link({ ns: key(ns.type, ns.inum), task: "" }) }, nsName(ns)), " "])),
        doubtful.length > 50 ? el("p.unknown", {}, `…${count(doubtful.length - 50, "namespace")} more`) : null,
    ];
}

function hooks(doctor) {
    if (!doctor?.hooks) return el("p.unknown", {}, doctor?.error ?? "Not known.");
    return el("div.wide", {}, el("table", {},
        el("thead", {}, el("tr", {}, ["hook", "attached", "without it", "why not"].map((word) => el("th", { scope: "col" }, word)))),
        el("tbody", {}, doctor.hooks.map((hook) => el("tr", { class: hook.way === "none" ? "missing" : null },
            el("th", { scope: "row" }, hook.name), el("td", {}, hook.way), el("td", {}, hook.without ?? ""),
            el("td", {}, hook.way === "none" ? [hook.why, hook.mend].filter(Boolean).join("; ") : ""))))));
}

export function showHealth(into, { doc, text, doctor }) {
    const top = into.scrollTop;
    into.replaceChildren(
        el("section", {}, el("h3", {}, "Certainty"), ...(doc ? doubts(doc).filter(Boolean) : [el("p.unknown", {}, "Not known.")])),
        el("section", {}, el("h3", {}, "Loss"), text === null ? el("p.unknown", {}, "Not known.") : loss(text)),
        el("section.hooks", {}, el("h3", {}, "Hooks"), hooks(doctor)));
    into.scrollTop = top;
}
