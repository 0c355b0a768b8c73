// SPDX-License-Identifier: Apache-2.0
// How figures and times are written.
const group = new Intl.NumberFormat("en-GB");

export const number = (n) => group.format(n);
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/**
 * The sum of `values` in words, "at least 7 tasks" if some of them are unknown (null), which is never 0.
 * Without `one` the figure alone.
 */
export function total(values, one = "") {
    const told = values.filter((value) => value !== null && value !== undefined);
    if (told.length === 0 && values.length > 0) return one ? `${one}s unknown` : "unknown";
    const sum = told.reduce((all, value) => all + value, 0);
    const least = told.length < values.length;
    return one ? `${least ? "at least " : ""}${count(sum, one)}` : `${least ? "≥ " : ""}${number(sum)}`;
}

/** Boot nanoseconds as seconds since boot. */
export const bootTime = (ns) => `${(ns / 1e9).toFixed(3)} s`;

export function duration(ns) {
    const s = ns / 1e9;
    if (s < 60) return `${s.toFixed(1)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const nsName = (ns) => `${ns.type}:[${ns.inum}]`;
export const who = (task) => (task.comm === null || task.comm === undefined ? `${task.tid}` : `${task.comm} (${task.tid})`);
