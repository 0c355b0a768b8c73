// SPDX-License-Identifier: Apache-2.0
// The page of a real recording, held against what the command line says of it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { serveRecording } from "./agent.mjs";
import { says, shot, stripped } from "./support.mjs";

const recording = fileURLToPath(new URL("../fixtures/recordings/format-1", import.meta.url));

/** What `nstrail ARGS --json` prints of the recording: its lines as values. */
function told(binary, ...args) {
    const done = spawnSync(binary, [...args, "--json"], { encoding: "utf8", maxBuffer: 1 << 28 });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.trim().split("\n").map((line) => JSON.parse(line));
}

const treeAt = (binary, at) => told(binary, "tree", "--from", recording, "--at", String(at), "--tasks")[0];

/** Runs `test` with the recording served. */
async function served(binary, test) {
    const server = await serveRecording(binary, recording);
    try {
        await test(server.address, await (await fetch(`${server.address}/api/v1/about`)).json());
    } finally {
        await server.stop();
    }
}

/** Waits until the page shows the tree that the document has. */
async function showsTree(page, doc) {
    const inside = doc.namespaces.filter((ns) => ns.type === "pid");
    const sum = (what) => inside.reduce((all, ns) => all + ns[what], 0);
    await says(page, "#figures div", new RegExp(`^namespaces${doc.namespaces.length}$`));
    await says(page, "#figures div", new RegExp(`^tasks${sum("tasks")}$`));
    await says(page, "#figures div", new RegExp(`^zombies${sum("zombies")}$`));
    const titles = await page.locator("g.ns title").allTextContents();
    assert.deepEqual(titles.map((title) => Number(/^\d+/.exec(title)[0])).sort(), inside.map((ns) => ns.inum).sort());
}

/** The slider at the step that is next to +MS of the recording's begin: {step, at}. */
function stepNear(about, ms) {
    const length = about.end_boot_ns - about.begin_boot_ns;
    const step = Math.round((ms * 1e6 * 1000) / length);
    return { step: String(step), at: about.begin_boot_ns + Math.round((length * step) / 1000) };
}

export const ofRecording = {
    async a_recording_moves_to_what_a_time_holds({ open, agent, binary, out }) {
        await served(binary, async (address, about) => {
            const page = await open({}, address);
            await page.goto(address);
            const end = treeAt(binary, about.end_boot_ns);
            await showsTree(page, end);
            const { step, at } = stepNear(about, 1000);
            const early = treeAt(binary, at);
            const here = early.namespaces.find((ns) => ns.type === "pid" && ns.level > 0);
            assert.ok(here && !end.namespaces.some((ns) => ns.inum === here.inum && ns.type === "pid"), "it is there at that time only");

            await page.fill("#at", step);
            await showsTree(page, early);
            await page.waitForFunction((where) => location.hash.includes(`at=${where}`), at);
            await page.locator("g.ns", { has: page.locator("title", { hasText: String(here.inum) }) }).click();
            await says(page, "#card h2", new RegExp(`pid:\\[${here.inum}\\]`));
            await says(page, "#card .facts div", new RegExp(`^tasks${here.tasks}$`));
            await says(page, "#card .facts div", new RegExp(`^reaper${here.reaper.comm} \\(${here.reaper.tid}\\)$`));
            await says(page, "#card .holders li", /^task/);
            const [used, when] = [here.pids_used, here.pids_used_at_boot_ns];
            await says(page, "#card .facts div", new RegExp(`^pids used${used} of [\\d,]+, as told at ${(when / 1e9).toFixed(3)} s$`));
            // Of the events the last ones up to that time, the latest first.
            const lines = told(binary, "replay", recording, "--end", String(at));
            const last = lines.at(-1);
            await says(page, "#events .state-line", /^\d+ lines of the recording/);
            await page.waitForFunction(([time, kind]) => {
                const row = document.querySelector("#events .lines li summary");
                return row?.querySelector("time").textContent === time && row.querySelector("b").textContent === kind;
            }, [`${(last.at_boot_ns / 1e9).toFixed(3)} s`, last.kind]);
            assert.equal(await page.locator("#events .lines li").count(), Math.min(500, lines.length));
            await shot(page, out, "recording");

            // Back at the end the card says that it is gone.
            await page.fill("#at", "1000");
            await showsTree(page, end);
            await says(page, "#card", /Not known at this time/);
            const all = told(binary, "replay", recording);
            await page.waitForFunction((n) => document.querySelectorAll("#events .lines li").length === n, Math.min(500, all.length));
        });
    },

    async a_recording_shows_the_card_of_a_task({ open, agent, binary, out }) {
        await served(binary, async (address, about) => {
            const page = await open({}, address);
            const { at } = stepNear(about, 1000);
            const doc = treeAt(binary, at);
            const task = doc.tasks.find((one) => one.vpids.length > 1 && one.comm);
            await page.goto(`${address}/#task=${task.tid}&at=${at}`);
            await says(page, "#card h2", new RegExp(`${task.comm} *task ${task.tid}`));
            const levels = await page.locator("#card .vector li").allTextContents();
            assert.deepEqual(levels.map(stripped), task.vpids.map(({ pid_namespace, nr }) => `${nr} in pid:[${pid_namespace}]`));
            for (const [slot, inum] of Object.entries(task.ns)) {
                const type = slot.split("_")[0];
                await says(page, "#card .facts div", new RegExp(`^${slot}${inum === null ? "unknown" : `${type}:\\[${inum}\\]`}$`));
            }
            const story = told(binary, "story", String(task.tid), "--from", recording);
            assert.ok(story.length > 1);
            if (await page.locator("#card button.all").count()) await page.click("#card button.all");
            const lines = page.locator("#card .story li");
            assert.deepEqual(await lines.locator("b").allTextContents(), story.map((line) => line.kind));
            assert.deepEqual(await lines.locator("time").allTextContents(), story.map((line) => `${(line.at_boot_ns / 1e9).toFixed(3)} s`));
            await shot(page, out, "recording-task");
        });
    },

    async a_deep_link_opens_at_its_time({ open, agent, binary }) {
        await served(binary, async (address, about) => {
            const page = await open({}, address);
            const { step, at } = stepNear(about, 1000);
            await page.goto(`${address}/#at=${at}&tree=user`);
            const doc = treeAt(binary, at);
            await says(page, "#figures div", new RegExp(`^namespaces${doc.namespaces.length}$`));
            await says(page, "#figures div", new RegExp(`^at${(doc.at_boot_ns / 1e9).toFixed(3)} s$`));
            assert.equal(await page.inputValue("#at"), step);
            assert.equal(await page.getAttribute("#tab-user", "aria-selected"), "true");
            assert.match(await page.textContent("#mode"), /^recording/);
            const users = doc.namespaces.filter((ns) => ns.type === "user").map((ns) => ns.inum);
            const titles = await page.locator("g.ns title").allTextContents();
            assert.deepEqual(titles.map((title) => Number(/^\d+/.exec(title)[0])).sort(), users.sort());
        });
    },
};
