// SPDX-License-Identifier: Apache-2.0
// A line of the event stream in a few words of the field, with links to cards. The line as it is, with all its
// numbers, is what the details of its row show.
import { el } from "./dom.js";
import { key } from "./forest.js";
import { link } from "./place.js";
import { who } from "./words.js";

const types = ["mnt", "uts", "ipc", "pid", "net", "cgroup", "time", "user"];
const slots = ["pid", "pid_for_children", "user", "mnt", "uts", "ipc", "net", "cgroup", "time", "time_for_children"];
// Said elsewhere of the line.
const elsewhere = ["kind", "at_boot_ns", "cpu", "seq", "comm", "container", "pod", "unit", "image"];
/** Which object of the kernel it is: an identity for programs. */
const forPrograms = (name) => /^(.*_)?(key|nsproxy)$/.test(name);
const tasks = new Set(["actor_tid", "ppid", "reaper_tid", "creator_tid", "tracer"]);
const inums = { pid_namespace: "pid", owner: "user", actor_user: "user" };

export const taskLink = (task) => el("a", { href: link({ task: String(task.tid) }) }, who(task));
export const nsLink = (type, inum) => el("a", { href: link({ ns: key(type, inum), task: "" }) }, `${type}:[${inum}]`);

const unknown = (value) => value === null || value === undefined;
const joined = (parts, between) => parts.flatMap((part, i) => (i ? [between, part] : [part])).flat();

/** The namespaces of a task: only its pid namespace, and that for its children where it is another. */
function ownSet(set) {
    const own = ["pid", ...(set.pid_for_children === set.pid ? [] : ["pid_for_children"])].filter((slot) => !unknown(set[slot]));
    const said = own.length ? own : slots.filter((slot) => !unknown(set[slot])).slice(0, 1);
    return joined(said.map((slot) => inSlot(slot, set[slot])), " ");
}

const inSlot = (slot, inum) => (slot.endsWith("_for_children") ? [`${slot} `, nsLink(slot.split("_")[0], inum)] : [nsLink(slot, inum)]);

/** What a switch changed; what was unknown and is now known is no change. */
function change(before, after) {
    const moved = slots.filter((slot) => !unknown(before[slot]) && !unknown(after[slot]) && before[slot] !== after[slot]);
    if (moved.length === 0) return ["no namespace changed"];
    return joined(moved.map((slot) => [...inSlot(slot, before[slot]), " → ", nsLink(slot.split("_")[0], after[slot])]), ", ");
}

const isSet = (value) => typeof value === "object" && value !== null && slots.some((slot) => slot in value) && !("type" in value);

/** Any value, never as JSON; [] = nothing is known of it. */
function worded(name, value, line) {
    if (unknown(value) || value === false) return [];
    if (Array.isArray(value)) {
        if (value.every((one) => one && "nr" in one)) return joined(value.map((one) => [`${one.nr} in `, nsLink("pid", one.pid_namespace)]), ", ");
        return joined(value.map((one) => worded(name, one, line)).filter((one) => one.length), ", ");
    }
    if (typeof value === "object") {
        if ("tid" in value) return [`tid `, taskLink(value)];
        if (types.includes(value.type) && !unknown(value.inum)) return [nsLink(value.type, value.inum)];
        if (isSet(value)) return ownSet(value);
        return joined(fields(value, []), " ");
    }
    if (tasks.has(name)) return [taskLink({ tid: value })];
    if (name in inums) return [nsLink(inums[name], value)];
    if (line.kind === "cred_user_ns" && (name === "before" || name === "after")) return [nsLink("user", value)];
    if (types.includes(line.type) && (name === "inum" || name === "parent")) return [nsLink(line.type, value)];
    return [value === true ? "yes" : String(value)];
}

/** Each known field as [name, " ", …value], but for those in `besides`. */
function fields(line, besides) {
    return Object.entries(line)
        .filter(([name]) => !besides.includes(name) && !forPrograms(name))
        .map(([name, value]) => [name, worded(name, value, line)])
        .filter(([, value]) => value.length)
        .map(([name, value]) => [el("i", {}, name), " ", ...value]);
}

/** The nodes that say what a line says beyond its time and kind, and beyond the fields in `besides`. */
export function eventWords(line, besides = []) {
    if (line.because) return [line.because];
    const { before, after } = line;
    const moved = isSet(before) && isSet(after);
    const rest = fields(line, [...elsewhere, ...besides, ...(moved ? ["before", "after"] : [])]);
    return joined(moved ? [change(before, after), ...rest] : rest, " · ");
}
