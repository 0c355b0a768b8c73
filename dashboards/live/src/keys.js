// SPDX-License-Identifier: Apache-2.0
// The keyboard, and the list of keys that ? shows.
import { byId, el } from "./dom.js";

/** `table`: [keys, words, action]; keys are as KeyboardEvent.key says them. */
export function keyboard(table) {
    const dialog = byId("keys");
    const shown = () => (dialog.open ? dialog.close() : dialog.showModal());
    const rows = [[["?"], "these keys", shown], ...table];
    dialog.replaceChildren(
        el("h2", {}, "Keys"),
        el("dl", {}, rows.map(([keys, words]) => el("div", {}, el("dt", {}, keys.flatMap((one, i) => [i ? " " : "", el("kbd", {}, one)])), el("dd", {}, words)))),
        el("p", {}, "In the picture, the wheel enlarges, dragging moves, a block …more opens."),
        el("p", {}, el("a", { href: "assets/licences.txt" }, "Licences of what is in this page")),
        el("button", { type: "button", onclick: shown }, "Close"));
    byId("help").addEventListener("click", shown);
    addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const typing = event.target.matches("input:not([type=range]), textarea, select");
        if (typing && event.key === "Escape") return event.target.blur();
        if (typing || (dialog.open && event.key !== "?")) return;
        const row = rows.find(([keys]) => keys.includes(event.key));
        if (!row || !row[2]) return;
        event.preventDefault();
        row[2](event.key);
    });
}
