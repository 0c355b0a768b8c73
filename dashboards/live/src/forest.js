// SPDX-License-Identifier: Apache-2.0
// The tree document as hierarchies that can be drawn.
import { hierarchy } from "d3-hierarchy";

export const key = (type, inum) => `${type}:${inum}`;

const below = {
    pid: (ns) => (ns.type === "pid" ? key("pid", ns.parent) : undefined),
    user: (ns) => (ns.type === "user" ? key("user", ns.parent) : undefined),
    // A user namespace lies in its parent, all others in the user namespace that owns them.
    all: (ns) => key("user", ns.type === "user" ? ns.parent : ns.owner),
};

/** Namespaces by key. */
export const index = (doc) => new Map(doc.namespaces.map((ns) => [key(ns.type, ns.inum), ns]));

/**
 * The hierarchy `tree` ("pid", "user" or "all") below one root that stands for the host. The value of a
 * node is the height it wants: the root of its tasks, so that the small remain visible beside the large; one of
 * which they are unknown has the height of one without.
 */
export function forest(doc, tree) {
    const nodes = new Map();
    for (const ns of doc.namespaces) {
        if (below[tree](ns) !== undefined) nodes.set(key(ns.type, ns.inum), { ns, children: [] });
    }
    const top = { ns: null, children: [] };
    for (const node of nodes.values()) {
        const parent = nodes.get(below[tree](node.ns));
        (parent && parent !== node ? parent : top).children.push(node);
    }
    const root = hierarchy(top);
    root.sum(({ ns }) => (ns ? Math.sqrt(1 + (ns.tasks ?? 0)) : 0));
    root.sort((a, b) => b.value - a.value || a.data.ns.inum - b.data.ns.inum);
    return root;
}

export const containerName = (ns) => ns.pod ?? ns.container ?? null;

/** The word for the colour of a namespace. */
export const condition = (ns) => (ns.certain === false ? "uncertain" : ns.state);

const words = (ns) => [String(ns.inum), ns.container, ns.pod, ns.unit, ns.reaper?.comm].filter(Boolean).join("\n").toLowerCase();

/** Namespaces of which inum, container, pod or reaper contains the text. */
export const matching = (doc, text) => doc.namespaces.filter((ns) => words(ns).includes(text.toLowerCase()));
