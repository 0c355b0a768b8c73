// SPDX-License-Identifier: Apache-2.0
// Where the page is: what the address's hash holds, so that a link leads to the same view.
const defaults = { tree: "pid", ns: "", task: "", tab: "events", filter: "", at: "" };
const watchers = [];
let now = read();

function read() {
    const from = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, from.get(key) ?? value]));
}

export const place = () => now;

/** Goes where `change` differs from here. `quietly`: without a step in the history. */
export function go(change, quietly = false) {
    const before = now;
    now = { ...now, ...change };
    if (Object.keys(now).every((key) => now[key] === before[key])) return;
    const hash = hashOf(now);
    if (quietly) history.replaceState(null, "", hash || location.pathname);
    else history.pushState(null, "", hash || location.pathname);
    tell(before);
}

function hashOf(where) {
    const query = new URLSearchParams(Object.entries(where).filter(([key, value]) => value !== defaults[key]));
    return String(query) ? `#${query}` : "";
}

/** The hash of a link. */
export const link = (change) => hashOf({ ...now, ...change }) || "#";

function tell(before) {
    for (const watch of watchers) watch(now, before);
}

/** watch(now, before) after each change. */
export const onPlace = (watch) => watchers.push(watch);

const moved = () => {
    const before = now;
    now = read();
    tell(before);
};
addEventListener("popstate", moved);
addEventListener("hashchange", moved);
