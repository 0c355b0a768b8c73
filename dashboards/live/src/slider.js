// SPDX-License-Identifier: Apache-2.0
// The time of a recording. It moves everything: each question is asked with at=.
import { el } from "./dom.js";
import { go } from "./place.js";
import { bootTime, duration } from "./words.js";

const steps = 1000;

/** Shows the slider for nstrail.about/1; returns {show(at), step(by)}. */
export function slider(into, about) {
    const begin = about.begin_boot_ns;
    const end = about.end_boot_ns;
    const length = Math.max(1, end - begin);
    const range = el("input", { type: "range", min: 0, max: steps, step: 1, id: "at", "aria-label": "Time of the recording" });
    const said = el("output", { for: "at" });
    let timer = 0;
    const nsOf = (step) => begin + Math.round((length * step) / steps);

    function say(step) {
        const words = `${bootTime(nsOf(step))} after boot, ${duration(nsOf(step) - begin)} into the recording`;
        said.textContent = `${words} of ${duration(length)}`;
        range.setAttribute("aria-valuetext", words);
    }
    const move = (step) => go({ at: step >= steps ? "" : String(nsOf(step)) }, true);
    range.addEventListener("input", () => {
        say(Number(range.value));
        clearTimeout(timer);
        timer = setTimeout(() => move(Number(range.value)), 120);
    });
    into.replaceChildren(range, said);
    into.hidden = false;
    return {
        show(at) {
            const ns = /^\d+$/.test(at) ? Number(at) : null;
            if (at !== "" && ns === null) {
                said.textContent = at;
                return;
            }
            range.value = ns === null ? steps : Math.round(((ns - begin) / length) * steps);
            say(Number(range.value));
        },
        step: (by) => move(Math.min(steps, Math.max(0, Number(range.value) + by))),
    };
}
