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

// Of docs/METRICS.md: what was seen, and all that may be missing of it.
const losses = new Set([
    "emitted_events", "delivered_events", "lost_events", "gaps", "resyncs", "tasks_dropped", "unrecorded_events",
    "recording_chunks_dropped", "sse_dropped_lines",
].map((name) => `nstrail_${name}_total`));

/** NaN is what is not known. */
const figure = (value) => known(Number.isNaN(value) ? null : value, number);

/** What was emitted is counted once a second only, and may be overtaken by what came from it. */
function emitted(counted, delivered) {
    if (counted < delivered) return [`at least ${number(delivered)}`, el("span.unknown", {}, ` (${number(counted)} when last counted, up to a second ago)`)];
    return [figure(counted), Number.isNaN(counted) ? null : el("span.unknown", {}, " as of the last count, up to a second ago")];
}

function loss(text) {
    const found = samples(text).filter(({ name }) => losses.has(name));
    if (found.length === 0) return el("p.unknown", {}, "Not known.");
    const delivered = found.find(({ name }) => name === "nstrail_delivered_events_total")?.value ?? NaN;
    return facts(found.map(({ name, labels, value }) => [
        [name.replace(/^nstrail_|_total$/g, "").replaceAll("_", " "), labels.replace(/\w+="([^"]*)"/g, " $1")].join(""),
        ...(name === "nstrail_emitted_events_total" ? emitted(value, delivered) : [figure(value)])]));
}

function doubts(doc) {
    const doubtful = doc.namespaces.filter((ns) => ns.certain === false);
    return [
        el("p", {}, doc.certain ? "Nothing that was lost is left unproven." : "Events were lost, and what that touched is not proven yet."),
        doc.doubt ? el("p", {}, `What is shown is not all there may be: ${doc.doubt}.`) : null,
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
