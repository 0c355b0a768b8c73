// SPDX-License-Identifier: Apache-2.0
// Elements. Text that comes from the kernel gets in through textContent alone.

/** el("a.link", {href: "#"}, "text", child): null and undefined children are left out. */
export function el(what, attributes = {}, ...children) {
    const [tag, ...classes] = what.split(".");
    const made = document.createElement(tag);
    if (classes.length) made.className = classes.join(" ");
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
        else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
}

export const byId = (id) => document.getElementById(id);

/** null is unknown, never 0. */
export function known(value, say = (v) => String(v)) {
    return value === null || value === undefined ? el("span.unknown", {}, "unknown") : say(value);
}

/** Rows of [name, content] as a definition list. */
export function facts(rows) {
    return el(
        "dl.facts",
        {},
        rows.filter(Boolean).map(([name, ...content]) => el("div", {}, el("dt", {}, name), el("dd", {}, ...content))),
    );
}

/** A tablist of {id, label}; choose(id) is called on a click or an arrow key. Returns show(id). */
export function tabs(list, items, choose, panel = true) {
    const buttons = items.map(({ id, label }) =>
        el(
            "button",
            { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": panel ? id : "picture", onclick: () => choose(id) },
            label,
        ),
    );
    list.replaceChildren(...buttons);
    list.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        const at = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
        buttons[at].focus();
        choose(items[at].id);
    });
    return (id) =>
        items.forEach((item, i) => {
            buttons[i].setAttribute("aria-selected", String(item.id === id));
            buttons[i].tabIndex = item.id === id ? 0 : -1;
        });
}
