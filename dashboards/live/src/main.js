// SPDX-License-Identifier: Apache-2.0
// Wires the parts together: asks, and hands each part what it shows.
import { json, metrics } from "./api.js";
import { cards } from "./card.js";
import { byId, el, known, tabs } from "./dom.js";
import { events } from "./events.js";
import { showFindings } from "./findings.js";
import { index, key, matching } from "./forest.js";
import { showHealth } from "./health.js";
import { keyboard } from "./keys.js";
import { picture } from "./picture.js";
import { go, onPlace, place } from "./place.js";
import { slider } from "./slider.js";
import { bootTime, count, number, total } from "./words.js";

const every = 2000; // ms between two looks at a live agent
const trees = [["pid", "pid tree"], ["user", "user tree"], ["all", "all types"]].map(([id, label]) => ({ id, label }));
const panels = [["events", "Events"], ["findings", "Findings"], ["health", "Health"]].map(([id, label]) => ({ id, label }));

let about = null;
let doc = null;
let spaces = null;
let doctor = null;
let time = null;
let timer = 0;
let turn = 0;

const recording = () => about?.mode === "recording";
const drawing = picture(byId("picture"), (ns) => go({ ns: key(ns.type, ns.inum), task: "" }));
const card = cards(byId("card"));
const stream = events(byId("events"));
const showTree = tabs(byId("trees"), trees, (id) => go({ tree: id }), false);
const showTab = tabs(byId("tabs"), panels, (id) => go({ tab: id }));

function trouble(text) {
    byId("trouble").textContent = text;
    byId("trouble").hidden = text === "";
}

function figures() {
    const types = doc.namespaces.length;
    // A task is in one pid namespace, so that these together are all tasks.
    const inside = doc.namespaces.filter((ns) => ns.type === "pid");
    const sum = (what) => total(inside.map((ns) => ns[what]));
    const rows = [
        ["namespaces", number(types)], ["tasks", sum("tasks")], ["zombies", sum("zombies")],
        ["lost", known(doc.lost, number)], ["at", bootTime(doc.at_boot_ns)],
    ];
    byId("figures").replaceChildren(...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
    const mode = byId("mode");
    mode.textContent = [recording() ? "recording" : "live", doc.certain ? (doc.doubt ? "with doubts" : "certain") : "not certain"].join(" · ");
    mode.className = `chip ${doc.certain && !doc.doubt ? "good" : "doubt"}`;
    mode.title = doc.doubt ?? "";
}

function search() {
    const text = byId("query").value.trim();
    const hits = text && doc ? matching(doc, text) : null;
    drawing.mark(hits ? new Set(hits.map((ns) => key(ns.type, ns.inum))) : null);
    byId("found").textContent = hits ? count(hits.length, "namespace") : "";
    return hits;
}

function legend() {
    const words = ["alive", "empty", "dying", "zapping", "uncertain"];
    byId("legend").replaceChildren(...words.map((word) => el(`li.${word}`, {}, word)));
}

/** Another turn makes the answers of this one too late. */
async function look() {
    clearTimeout(timer);
    const mine = ++turn;
    const { at, tab } = place();
    try {
        const fresh = await json("tree", { at });
        if (mine !== turn) return;
        trouble("");
        doc = fresh;
        spaces = index(doc);
        figures();
        drawing.update(doc, place().tree);
        search();
        await Promise.all([card.show(place(), doc, spaces), judge(at, mine), tab === "health" ? health(at, mine) : null]);
    } catch (error) {
        if (mine !== turn) return;
        trouble(`${error.message}${doc ? `; what is shown is of ${bootTime(doc.at_boot_ns)}` : ""}`);
    }
    if (mine === turn && !recording()) timer = setTimeout(look, every);
}

async function judge(at, mine) {
    try {
        const found = await json("findings", { at });
        if (mine !== turn) return;
        const violations = showFindings(byId("findings"), found);
        const all = found.findings.length + found.notable.length;
        byId("tab-findings").textContent = all ? `Findings (${number(all)})` : "Findings";
        byId("tab-findings").classList.toggle("alarm", violations > 0);
    } catch (error) {
        if (mine !== turn) return;
        byId("findings").replaceChildren(el("p.unknown", {}, `Not known: ${error.message}.`));
    }
}

async function health(at, mine) {
    const or = (promise) => promise.catch(() => null);
    doctor ??= await or(json("doctor"));
    const text = await or(metrics({ at }));
    if (mine === turn) showHealth(byId("health"), { doc, text, doctor });
}

function arrange(now) {
    showTree(now.tree);
    showTab(now.tab);
    for (const { id } of panels) byId(id).hidden = id !== now.tab;
    drawing.choose(now.ns, true);
    time?.show(now.at);
    if (about) stream.show(now, recording());
}

onPlace((now, before) => {
    arrange(now);
    if (!about) return;
    // What is known is drawn at once: keys that are pressed now are for that tree.
    if (doc && now.tree !== before.tree) drawing.update(doc, now.tree);
    if (now.at !== before.at || now.tab !== before.tab || now.tree !== before.tree) look();
    else if (now.ns !== before.ns || now.task !== before.task) card.show(now, doc, spaces);
    if (now.ns !== before.ns || now.task !== before.task) byId("card").classList.toggle("open", Boolean(now.ns || now.task));
});

byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("query").value.trim();
    const hits = search();
    const best = hits?.find((ns) => ns.type === place().tree) ?? hits?.[0];
    if (best) go({ ns: key(best.type, best.inum), task: "", tree: best.type === "pid" || best.type === "user" ? best.type : "all" });
    else if (/^\d+$/.test(text)) go({ task: text });
});
byId("query").addEventListener("input", search);
byId("whole").addEventListener("click", () => drawing.whole());
byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("card").focus();
});

keyboard([
    [["/"], "find a namespace or a task", () => byId("query").focus()],
    [["f"], "the filter of the events", () => { go({ tab: "events" }); stream.focus(); }],
    [["p"], "pause or continue the events", () => stream.toggle()],
    [["1", "2", "3"], "pid tree, user tree, all types", (k) => go({ tree: trees[k - 1].id })],
    [["e", "i", "h"], "events, findings, health", (k) => go({ tab: { e: "events", i: "findings", h: "health" }[k] })],
    [["t"], "to the picture; then the arrow keys", () => drawing.focus()],
    [["0"], "the whole picture", () => drawing.whole()],
    [["[", "]"], "back and forth in a recording", (k) => time?.step(k === "[" ? -10 : 10)],
    [["Escape"], "close the card", () => go({ ns: "", task: "" })],
]);

/** What the server says it is: nothing else tells a live host from a recording. */
async function introduced() {
    for (;;) {
        try {
            const said = await json("about");
            if (said.mode === "live" || said.mode === "recording") return said;
            trouble("it is not known whether this is live or a recording: the agent names neither; asking again");
        } catch (error) {
            trouble(`it is not known whether this is live or a recording: ${error.message}; asking again`);
        }
        await new Promise((resolve) => setTimeout(resolve, every));
    }
}

async function begin() {
    legend();
    arrange(place());
    about = await introduced();
    trouble("");
    if (recording() && about.begin_boot_ns !== null && about.end_boot_ns !== null) time = slider(byId("times"), about);
    byId("card").classList.toggle("open", Boolean(place().ns || place().task));
    arrange(place());
    await look();
    drawing.choose(place().ns, true);
}
begin();
