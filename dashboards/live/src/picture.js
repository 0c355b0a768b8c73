// SPDX-License-Identifier: Apache-2.0
// The hierarchy as an icicle: levels from left to right, height by tasks. What is too low to be read is
// drawn as one block that says how many it stands for; the wheel or a click on a block makes them larger.
import { partition } from "d3-hierarchy";
import { select } from "d3-selection";
import { zoom, zoomIdentity } from "d3-zoom";
import { condition, containerName, forest, key } from "./forest.js";
import { count, nsName, number, total } from "./words.js";

const readable = 15; // pixels of height that one line of text takes
const most = 4000; // times that the picture can be enlarged
const worst = ["alive", "empty", "uncertain", "dying", "zapping"];
const edge = 5; // pixels of the mark for the worst state in a block

const keyOf = (node) => key(node.data.ns.type, node.data.ns.inum);

/** What to draw of `nodes`, siblings in order, between `low` and `high`: themselves or blocks of them. */
export function gathered(nodes, scale, low, high) {
    const shown = [];
    let block = null;
    const close = () => {
        if (block) shown.push(block.nodes.length === 1 ? { node: block.nodes[0] } : block);
        block = null;
    };
    for (const node of nodes) {
        const top = scale(node.x0);
        const bottom = scale(node.x1);
        if (bottom < low || top > high) continue;
        if (bottom - top >= readable) {
            close();
            shown.push({ node });
            continue;
        }
        block ??= { nodes: [] };
        block.nodes.push(node);
        if (bottom - scale(block.nodes[0].x0) >= readable) close();
    }
    close();
    return shown;
}

/** The namespaces that a box stands for: itself, or all in its block and below. */
const within = (box) => (box.nodes ? box.nodes.flatMap((node) => node.descendants()) : [box.node]);

/** How many of `nodes` there are in each state: [state, count], the most frequent first, of equals the better. */
export function shares(nodes) {
    const by = new Map(worst.map((state) => [state, 0]));
    for (const node of nodes) {
        const state = condition(node.data.ns);
        by.set(state, (by.get(state) ?? 0) + 1);
    }
    return [...by].filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
}

/** The worst state of `states`, as shares() has them. */
const worstOf = (states) => states.map(([state]) => state).sort((a, b) => worst.indexOf(a) - worst.indexOf(b)).at(-1);

/** Draws into `into`; pick(namespace) is called for what is chosen. */
export function picture(into, pick) {
    let root = null;
    let chosen = "";
    let tree = "";
    let marked = null;
    let size = { width: 600, height: 400 };
    let at = zoomIdentity;

    const svg = select(into).append("svg").attr("role", "group").attr("tabindex", 0)
        .attr("aria-label", "The namespaces as a picture: arrow keys go through it");
    const layer = svg.append("g");
    const none = select(into).append("p").attr("class", "unknown").text("No namespace is known yet.");
    const zooming = zoom().scaleExtent([1, most]).on("zoom", (event) => {
        at = event.transform;
        draw();
    });
    svg.call(zooming).on("dblclick.zoom", null);

    const scale = (x) => at.applyY(x * size.height);

    /** Where a level begins: not enlarged, moved only where there are more levels than room. */
    function columns() {
        const levels = root.height || 1;
        const width = Math.max(size.width / levels, size.width < 500 ? 96 : 120);
        const room = Math.max(0, levels * width - size.width);
        return { width, shift: Math.max(-room, Math.min(0, at.x)) };
    }

    function boxes() {
        const { width, shift } = columns();
        const out = [];
        const visit = (nodes) => {
            for (const item of gathered(nodes, scale, 0, size.height)) {
                const first = item.node ?? item.nodes[0];
                const last = item.node ?? item.nodes.at(-1);
                const states = item.node ? null : shares(within(item));
                const low = states && worstOf(states);
                out.push({
                    ...item,
                    states,
                    worst: states && low !== states[0][0] ? low : null,
                    id: (item.node ? "" : "block ") + keyOf(first),
                    x: (first.depth - 1) * width + shift,
                    y: scale(first.x0),
                    width: first.children || !item.node ? width : Math.max(width, size.width - (first.depth - 1) * width - shift),
                    height: scale(last.x1) - scale(first.x0),
                });
                if (item.node?.children) visit(item.node.children);
            }
        };
        visit(root.children ?? []);
        return out;
    }

    function draw() {
        if (!root) return;
        const shown = boxes();
        const all = layer.selectAll("g.ns").data(shown, (box) => box.id);
        all.exit().remove();
        const made = all.enter().append("g").on("click", (_, box) => choose(box));
        made.append("rect").attr("class", "area").attr("rx", 2);
        made.append("rect").attr("class", "worst").attr("width", edge);
        made.append("text").attr("class", "name");
        made.append("text").attr("class", "more");
        made.append("title");
        const each = made.merge(all);
        each.attr("class", (box) => `ns ${look(box)}`).attr("transform", (box) => `translate(${box.x},${box.y})`);
        each.select(".area").attr("width", (box) => Math.max(0, box.width - 1)).attr("height", (box) => Math.max(0.5, box.height - 1));
        each.select(".worst").attr("class", (box) => `worst ${box.worst ?? ""}`).attr("visibility", (box) => (box.worst ? null : "hidden"))
            .attr("height", (box) => Math.max(0.5, box.height - 1));
        // A tall box is named where it can be seen.
        const line = (box) => Math.min(Math.max(-box.y, 0), Math.max(0, box.height - 32)) + Math.min(box.height / 2 + 4, 15);
        each.select(".name").attr("x", (box) => (box.worst ? edge + 4 : 6)).attr("y", line)
            .text((box) => (box.height < readable - 3 ? "" : clipped(name(box), box.width, size.width - Math.max(box.x, 0))));
        each.select(".more").attr("x", 6).attr("y", (box) => line(box) + 14)
            .text((box) => (box.height < 34 ? "" : clipped(more(box), box.width, size.width)));
        each.select("title").text((box) => `${name(box)}\n${more(box)}`);
    }

    const clipped = (text, width, room) => {
        const fits = Math.floor((Math.min(width, room) - 12) / 6.7);
        return text.length <= fits ? text : fits < 3 ? "" : `${text.slice(0, fits - 1)}…`;
    };

    function look(box) {
        const nodes = within(box);
        const classes = [box.states ? box.states[0][0] : condition(box.node.data.ns)];
        if (box.nodes) classes.push("block");
        if (nodes.some((node) => keyOf(node) === chosen)) classes.push("chosen");
        if (marked && !nodes.some((node) => marked.has(keyOf(node)))) classes.push("dim");
        if (!box.nodes && box.node.data.ns.zombies > 0) classes.push("zombies");
        return classes.join(" ");
    }

    function name(box) {
        if (box.nodes) {
            const all = within(box).length;
            return `…${count(all, "namespace")} more: ${box.states.map(([state, n]) => `${number(n)} ${state}`).join(", ")}`;
        }
        const { ns } = box.node.data;
        const named = containerName(ns) ?? ns.reaper?.comm;
        return `${tree === "all" ? nsName(ns) : ns.inum}${named ? ` ${named}` : ""}`;
    }

    function more(box) {
        if (box.nodes) return total(within(box).map((node) => node.data.ns.tasks), "task");
        const { ns } = box.node.data;
        const below = box.node.descendants().length - 1;
        return [
            total([ns.tasks], "task"),
            ns.zombies > 0 ? count(ns.zombies, "zombie") : null,
            condition(ns) === "alive" ? null : condition(ns),
            below > 0 ? `${number(below)} below` : null,
        ].filter(Boolean).join(" · ");
    }

    function choose(box) {
        if (box.nodes) show(box.nodes[0].x0, box.nodes.at(-1).x1);
        else pick(box.node.data.ns);
    }

    /** Enlarges so that what is between the two fills the height. */
    function show(x0, x1) {
        const k = Math.min(most, Math.max(1, 1 / (x1 - x0)));
        const y = Math.max(size.height * (1 - k), -x0 * size.height * k);
        svg.call(zooming.transform, zoomIdentity.translate(at.x, y).scale(k));
    }

    const find = (id) => root?.descendants().find((node) => node.data.ns && keyOf(node) === id);

    function reveal() {
        const node = find(chosen);
        if (!node) return;
        const height = scale(node.x1) - scale(node.x0);
        if (height >= readable && scale(node.x0) < size.height - readable && scale(node.x1) > readable) return;
        const wish = Math.max(node.x1 - node.x0, ((node.x1 - node.x0) / (readable * 2)) * size.height);
        const middle = (node.x0 + node.x1) / 2;
        show(Math.max(0, middle - wish / 2), Math.min(1, middle + wish / 2));
    }

    svg.on("keydown", (event) => {
        const node = find(chosen);
        const siblings = node?.parent?.children ?? [];
        const next = !node
            ? root?.children?.[0]
            : {
                  ArrowRight: node.children?.[0],
                  ArrowLeft: node.parent?.data.ns ? node.parent : null,
                  ArrowDown: siblings[siblings.indexOf(node) + 1],
                  ArrowUp: siblings[siblings.indexOf(node) - 1],
              }[event.key];
        if (!event.key.startsWith("Arrow")) return;
        event.preventDefault();
        if (next) pick(next.data.ns);
    });

    function measure() {
        const { width, height } = into.getBoundingClientRect();
        size = { width: Math.max(200, width), height: Math.max(160, height) };
        svg.attr("width", size.width).attr("height", size.height);
        zooming.extent([[0, 0], [size.width, size.height]]);
        zooming.translateExtent([[-4000, 0], [size.width + 4000, size.height]]);
        draw();
    }
    new ResizeObserver(measure).observe(into);

    return {
        /** A tree document. */
        update(doc, which) {
            if (tree && tree !== which) at = zoomIdentity, svg.call(zooming.transform, at);
            tree = which;
            root = partition()(forest(doc, which));
            // The host's own row has no width: the levels below it have the height.
            none.attr("hidden", root.children ? "" : null);
            if (root.children) none.attr("hidden", true);
            draw();
        },
        choose(id, move) {
            chosen = id;
            if (move) reveal();
            draw();
        },
        /** Dims all but these keys; null = none dimmed. */
        mark(keys) {
            marked = keys;
            draw();
        },
        whole: () => svg.call(zooming.transform, zoomIdentity),
        focus: () => svg.node().focus(),
    };
}
