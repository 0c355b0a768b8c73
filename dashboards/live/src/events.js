// SPDX-License-Identifier: Apache-2.0
// The event stream: followed live, or of a recording its last lines up to a time.
import { Refusal, follow } from "./api.js";
import { el } from "./dom.js";
import { eventWords } from "./event_words.js";
import { go, link, place } from "./place.js";
import { bootTime, count, number } from "./words.js";

const kept = 500; // lines on the page
const held = 5000; // lines kept back while paused

export function events(into) {
    let abort = null;
    let paused = false;
    let waiting = [];
    let passed = 0;
    let beyond = 0;
    let recording = false;
    let asked = null;
    let frame = 0;

    const field = el("input", { type: "text", id: "filter", placeholder: "kind = task_exec and comm = sh", spellcheck: "false", autocomplete: "off", "aria-describedby": "filter-error" });
    const form = el("form.bar", { onsubmit: (event) => { event.preventDefault(); go({ filter: field.value.trim() }); } },
        el("label", { for: "filter" }, "Filter"), field, el("button", { type: "submit" }, "Apply"));
    const pause = el("button", { type: "button", onclick: () => toggle(), "aria-pressed": "false", title: "p" }, "Pause");
    const state = el("output.state-line", {}, "");
    form.append(pause, state);
    const error = el("pre.error", { id: "filter-error", role: "alert", hidden: true });
    const list = el("ol.lines", { "aria-label": "Events, the latest first" });
    into.replaceChildren(form, error, list);

    function say(text) {
        state.textContent = text;
    }

    function status() {
        const many = count(passed, "line");
        say(paused ? `paused, ${number(waiting.length + beyond)} held back` : recording ? `${many} of the recording` : `following · ${many}`);
    }

    function refused(why) {
        const column = /column (\d+)/.exec(why);
        error.textContent = column ? `${place().filter}\n${" ".repeat(Number(column[1]) - 1)}^\n${why}` : why;
        error.hidden = false;
    }

    function row({ event, data }) {
        if (event === "gap") return el("li.gap", {}, `${count(data.left_out, "line")} left out: this page was too slow`);
        if (event === "away") return el("li.gap", {}, data);
        const task = data.task && data.task.tid ? data.task : null;
        const comm = data.comm ?? task?.comm;
        return el("li", { class: data.kind === "finding" ? "finding" : data.kind === "gap" ? "gap" : null },
            el("details", {},
                el("summary", {},
                    el("time", {}, data.at_boot_ns === undefined ? "" : bootTime(data.at_boot_ns)),
                    el("b", {}, data.kind ?? ""),
                    task ? el("a", { href: link({ task: String(task.tid) }) }, comm ? `${comm} (${task.tid})` : String(task.tid)) : el("span", {}, comm ?? ""),
                    el("span.words", {}, eventWords(data, ["task"]))),
                el("pre", {}, JSON.stringify(data, null, 2))));
    }

    function draw() {
        frame = 0;
        if (paused) return status();
        const fresh = waiting.slice(-kept).reverse().map(row);
        if (beyond) fresh.push(el("li.gap", {}, `${count(beyond, "line")} not kept while paused`));
        waiting = [];
        beyond = 0;
        list.prepend(...fresh);
        while (list.childElementCount > kept) list.lastElementChild.remove();
        status();
    }

    function take(line) {
        if (line.event === "end") return;
        passed++;
        waiting.push(line);
        if (waiting.length > held) {
            waiting.shift();
            beyond++;
        }
        frame ||= requestAnimationFrame(draw);
    }

    async function run(parameters) {
        abort?.abort();
        abort = new AbortController();
        const { signal } = abort;
        error.hidden = true;
        list.replaceChildren();
        waiting = [];
        passed = 0;
        say("asking…");
        while (!signal.aborted) {
            try {
                await follow(parameters, signal, take, status);
                if (recording) return;
                take({ event: "away", data: "the stream ended; what happened until it is back is not here" });
            } catch (why) {
                if (signal.aborted) return;
                say(why.status === 404 ? "not known here" : "no stream");
                if (why instanceof Refusal) refused(why.message);
                if (why.status >= 400 && why.status < 500) return;
            }
            await new Promise((resolve) => setTimeout(resolve, 2000));
        }
    }

    function toggle() {
        paused = !paused;
        pause.textContent = paused ? "Continue" : "Pause";
        pause.setAttribute("aria-pressed", String(paused));
        draw();
    }

    return {
        toggle,
        focus: () => field.focus(),
        /** Follows what the place asks for, if that is another than before. */
        show({ filter, at }, isRecording) {
            recording = isRecording;
            const parameters = recording ? { filter, end: at, last: kept } : { filter };
            const question = JSON.stringify(parameters);
            if (question === asked) return;
            asked = question;
            if (document.activeElement !== field) field.value = filter;
            run(parameters);
        },
    };
}
