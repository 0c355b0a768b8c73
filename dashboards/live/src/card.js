// SPDX-License-Identifier: Apache-2.0
// The card of what is chosen: a namespace or a task.
import { json } from "./api.js";
import { el, facts, known } from "./dom.js";
import { eventWords, nsLink, taskLink } from "./event_words.js";
import { condition } from "./forest.js";
import { go } from "./place.js";
import { bootTime, count, duration, number } from "./words.js";

const slots = ["pid", "pid_for_children", "user", "mnt", "uts", "ipc", "net", "cgroup", "time", "time_for_children"];

const stateChip = (state) => el(`span.state.${state}`, {}, state);

const few = 8; // lines of a list before it is folded
/** Lists that were unfolded, for as long as the same card is shown: it is drawn anew all the time. */
const unfolded = new Set();

/** `list` with the lines, of many only the first few and a button for the rest; `what` names it within the card. */
function folded(list, lines, what) {
    list.append(...(unfolded.has(what) ? lines : lines.slice(0, few)));
    if (lines.length <= few || unfolded.has(what)) return [list];
    const all = el("button.all", { type: "button", onclick: () => {
        unfolded.add(what);
        list.append(...lines.slice(few));
        all.remove();
    } }, `Show all ${number(lines.length)}`);
    return [list, all];
}

const close = () =>
    el("button.close", { type: "button", "aria-label": "Close (Escape)", onclick: () => go({ ns: "", task: "" }) }, "×");

function part(title, ...content) {
    return el("section", {}, el("h3", {}, title), ...content);
}

const excuse = (error) =>
    el("p.unknown", {}, error.status === 404 ? "Not known here." : `Not known: ${error.message}.`);

/** `tid`: of whom it is, if it is a task's. */
function story(lines, cut, tid = null) {
    if (lines === null || lines === undefined) {
        return el("p.unknown", {}, "Not known: without a recording nobody kept it.");
    }
    return el(
        "div",
        {},
        cut > 0 ? el("p.unknown", {}, `${count(cut, "line")} left out.`) : null,
        folded(el("ol.story"), lines.map((line) =>
            el("li", {},
                el("time", {}, line.at_boot_ns === undefined ? "" : bootTime(line.at_boot_ns)),
                el("b", {}, line.kind ?? ""),
                el("span", {}, typeof line === "string" ? line : eventWords(line, line.task?.tid === tid ? ["task"] : [])))), "story"),
    );
}

/** Since when it is there. Only a birth that was seen is a beginning; all else is when tracing met it. */
function beginning(ns, doc) {
    const seen = ns.first_seen_boot_ns;
    const ago = doc ? `, ${duration(doc.at_boot_ns - seen)} ago` : "";
    if (ns.born) return ["made", `${bootTime(seen)} after boot${ago}`];
    const since = doc?.tracing_since_boot_ns ?? null;
    // Where every birth is seen, what was not born was there before; so was what the session began with.
    if ((doc?.mode === "full" && doc.lost === 0) || (since !== null && seen <= since)) {
        return ["made", "there before tracing began", since === null ? "" : ` (${bootTime(since)} after boot, ${duration(doc.at_boot_ns - since)} ago)`];
    }
    if (since === null) return ["made", known(null), `; first seen ${bootTime(seen)} after boot${ago}`];
    return ["made", "before it was first seen", `, ${duration(seen - since)} after tracing began${ago}; its making was not seen`];
}

function nsFacts(ns, doc) {
    const doubtful = ns.certain === false;
    const rows = [
        ["state", stateChip(ns.state), doubtful ? " uncertain: it may have ended, the event was lost" : ""],
        ["inum", String(ns.inum), ns.gen > 1 ? ` generation ${ns.gen}` : ""],
        ["kernel id", known(ns.id)],
        ["owner", known(ns.owner, (owner) => nsLink("user", owner))],
        ["tasks", known(ns.tasks, number)],
        ["zombies", known(ns.zombies, number)],
        ["container", ns.container || ns.pod ? [ns.runtime, ns.container, ns.pod].filter(Boolean).join(" ") : known(null)],
    ];
    if (ns.type === "pid" || ns.type === "user") {
        rows.splice(3, 0, ["parent", ns.level === 0 ? "none: the first" : known(ns.parent, (parent) => nsLink(ns.type, parent))], ["level", known(ns.level)]);
    }
    if (ns.type === "pid") {
        rows.push(
            ["reaper", known(ns.reaper, taskLink)],
            ["last pid", known(ns.last_pid), ns.last_pid_vector ? ` (${ns.last_pid_vector}, innermost first)` : ""],
            ["pids used", known(ns.pids_used, number), " of ", known(ns.pid_max, number), ns.pids_used_at_boot_ns ? `, as told at ${bootTime(ns.pids_used_at_boot_ns)}` : ""],
        );
    }
    rows.push(
        beginning(ns, doc),
        ["made by", known(ns.created_by, taskLink)],
    );
    return facts(rows);
}

function teardown(ns) {
    if (!ns.teardown) return null;
    return part(
        "Teardown",
        el("p", {}, "since ", known(ns.teardown.since_boot_ns, bootTime), ns.teardown.blocked_by.length ? "; waits for" : ""),
        ...folded(el("ul"), ns.teardown.blocked_by.map((task) => el("li", {}, taskLink(task), ` ${task.state}, ${task.waits_for}`)), "teardown"),
    );
}

function holder(hold) {
    const task = hold.task ? taskLink(hold.task) : null;
    const ns = hold.namespace ? nsLink(hold.namespace.type, hold.namespace.inum) : null;
    const rest = [
        hold.fd === undefined ? null : `fd ${hold.fd}`,
        hold.path ? `${hold.path} in ${hold.mount_namespace === null ? "an unknown mnt namespace" : `mnt:[${hold.mount_namespace}]`}` : null,
        hold.task?.container ?? hold.task?.unit ?? null,
    ].filter(Boolean);
    return el("li", {}, el("b", {}, hold.kind), task, ns, el("span", {}, rest.join(" · ")));
}

function holders(why) {
    return [
        ...(why.holders.length === 0 ? [el("p", {}, "Nothing that can be seen holds it.")] : folded(el("ul.holders"), why.holders.map(holder), "holders")),
        ...why.doubts.map((doubt) => el("p.unknown", {}, doubt)),
    ];
}

function taskFacts(task) {
    return facts([
        ["state", stateChip(task.state)],
        ["tgid", known(task.tgid)],
        ["parent", known(task.ppid, (ppid) => taskLink({ tid: ppid }))],
        ["started", `${bootTime(task.start_boottime_ns)} after boot`],
        ["program", known(task.exe)],
        ["cgroup", known(task.cgroup)],
        ["container", known(task.container)],
    ]);
}

/** Fills `into`; only the latest of several calls is shown. */
export function cards(into) {
    let call = null;
    let shown = "";
    let turned = "";

    function nothing(doc) {
        into.replaceChildren(
            el("div.empty", {}, el("h2", {}, "Nothing chosen"),
                el("p", {}, "Choose a namespace in the picture, or find one by its inum, its container or its reaper; ? shows the keys."),
                doc ? census(doc) : null),
        );
    }

    /** How many there are of each type. */
    function census(doc) {
        const by = new Map();
        for (const ns of doc.namespaces) {
            const row = by.get(ns.type) ?? { all: 0, empty: 0, doubt: 0 };
            row.all++;
            if (ns.state !== "alive") row.empty++;
            if (ns.certain === false) row.doubt++;
            by.set(ns.type, row);
        }
        return el("table", {},
            el("thead", {}, el("tr", {}, ["type", "namespaces", "not alive", "uncertain"].map((word) => el("th", { scope: "col" }, word)))),
            el("tbody", {}, [...by].sort().map(([type, row]) =>
                el("tr", {}, el("th", { scope: "row" }, type), [row.all, row.empty, row.doubt].map((n) => el("td", {}, number(n)))))));
    }

    async function ask(path, at) {
        call?.abort();
        call = new AbortController();
        const { signal } = call;
        const get = (what) => json(what, { at }, signal).then((value) => ({ value }), (error) => ({ error }));
        const answers = await Promise.all(path.map(get));
        return signal.aborted ? null : answers;
    }

    const put = (id, title, ...content) => {
        // What has the focus or was scrolled stays so while the same card is renewed.
        const scrolled = id === shown ? into.scrollTop : 0;
        const focused = id === shown && into.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        into.replaceChildren(el("div.title", {}, el("h2", {}, ...title), close()), ...content.filter(Boolean));
        into.scrollTop = scrolled;
        if (focused) [...into.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused)?.focus();
        shown = id;
    };

    /** Another card begins with its lists folded. */
    function turnTo(id) {
        if (id !== turned) unfolded.clear();
        turned = id;
    }

    async function namespace(id, doc, space, at) {
        const [type, inum] = id.split(":");
        const answers = await ask([`namespace/${inum}`, `why/${inum}`], at);
        if (!answers) return;
        const [told, why] = answers;
        const ns = space ?? told.value?.namespace;
        put(id, [`${type}:[${inum}] `, ns ? stateChip(condition(ns)) : ""],
            ns ? nsFacts(ns, doc) : el("p.unknown", {}, "Not known at this time: it has ended, or is not there yet."),
            ns ? teardown(ns) : null,
            part("Held by", ...(why.value ? holders(why.value) : [excuse(why.error)])),
            part("Story", told.value ? story(told.value.story, told.value.story_cut) : excuse(told.error)));
    }

    async function task(tid, at) {
        const answers = await ask([`task/${tid}`], at);
        if (!answers) return;
        const [told] = answers;
        const id = `task ${tid}`;
        if (told.error) {
            put(id, [`task ${tid}`], excuse(told.error));
            return;
        }
        const one = told.value.task;
        put(id, [`${one.comm} `, el("small", {}, `task ${one.tid}`)],
            taskFacts(one),
            part("Its number at every level",
                el("ol.vector", {}, one.vpids.map((level) => el("li", {}, el("b", {}, String(level.nr)), " in ", nsLink("pid", level.pid_namespace))))),
            part("Namespaces", facts(slots.map((slot) => [slot, known(one.ns[slot], (inum) => nsLink(slot.split("_")[0], inum))]))),
            part("Story", story(told.value.story, told.value.story_cut, one.tid)));
    }

    return {
        async show({ ns, task: tid, at }, doc, spaces) {
            turnTo(tid ? `task ${tid}` : ns);
            if (tid) await task(tid, at);
            else if (ns) await namespace(ns, doc, spaces?.get(ns), at);
            else {
                call?.abort();
                shown = "";
                nothing(doc);
            }
        },
    };
}
