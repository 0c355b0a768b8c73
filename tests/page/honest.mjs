// SPDX-License-Identifier: Apache-2.0
// The page says what is true, of what the agent answered and of what it did not: with intercepted answers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { largeTree, recordingAbout } from "./documents.mjs";
import { answer, says, stripped } from "./support.mjs";

/** 400 pid namespaces below the first, of which `states` names some that are not alive. */
function flatHost(states) {
    const document = largeTree(8);
    const first = document.namespaces.find((ns) => ns.type === "pid");
    for (let i = 0; i < 400; i++) {
        document.namespaces.push({ ...first, inum: 4026533000 + i, parent: first.inum, level: 1, tasks: 1, state: states[i] ?? "alive" });
    }
    return document;
}

const titles = (page, selector = "g.ns.block title") => page.locator(selector).allTextContents();

export const honest = {
    async a_block_has_the_colour_of_most_in_it({ open, agent }) {
        const page = await open();
        const states = Object.fromEntries([[3, "zapping"], [4, "zapping"], ...Array.from({ length: 10 }, (_, i) => [100 + i, "empty"])]);
        await page.route("**/api/v1/tree*", answer(flatHost(states)));
        await page.goto(agent.address);
        await says(page, "g.ns.block", /namespaces more/);
        assert.equal(await page.locator("g.ns.block:not(.alive)").count(), 0);
        assert.equal(await page.locator("g.ns.block.zapping, g.ns.block > .worst.alive").count(), 0);
        assert.ok((await page.locator("g.ns.block > .worst.zapping:not([visibility])").count()) >= 1, "the worst state is marked");
        assert.ok((await page.locator("g.ns.block > .worst[visibility=hidden]").count()) >= 1, "where there is none, nothing is marked");
        const said = { alive: 0, empty: 0, zapping: 0, all: 0 };
        for (const title of await titles(page)) {
            const [, all, parts] = /^…([\d,]+) namespaces more: (.*)$/m.exec(title);
            said.all += Number(all.replace(",", ""));
            for (const part of parts.split(", ")) said[part.split(" ")[1]] += Number(part.split(" ")[0]);
        }
        const drawn = (await page.locator("g.ns:not(.block)").count()) - 1;
        assert.equal(said.all + drawn, 400);
        assert.deepEqual([said.alive + drawn, said.empty, said.zapping], [388, 10, 2]);
    },

    async a_block_counts_what_is_below_it({ open, agent }) {
        const page = await open();
        const document = flatHost({});
        // Each has one more below.
        for (const ns of document.namespaces.slice(8)) {
            document.namespaces.push({ ...ns, inum: ns.inum + 1000, parent: ns.inum, level: 2, state: "empty" });
        }
        await page.route("**/api/v1/tree*", answer(document));
        await page.goto(agent.address);
        await says(page, "g.ns.block", /namespaces more/);
        const counts = (await titles(page)).map((title) => Number(/…([\d,]+)/.exec(title)[1].replace(",", "")));
        const drawn = (await page.locator("g.ns:not(.block)").count()) - 1;
        assert.equal(counts.reduce((a, b) => a + b, drawn), 800);
    },

    async unknown_counts_are_not_summed_as_0({ open, agent }) {
        const page = await open();
        const document = flatHost({});
        const [first] = document.namespaces.filter((ns) => ns.type === "pid");
        Object.assign(first, { tasks: 50, zombies: null });
        for (const ns of document.namespaces.slice(8)) ns.zombies = null;
        document.namespaces[20].tasks = null;
        await page.route("**/api/v1/tree*", answer(document));
        await page.goto(agent.address);
        await says(page, "#figures div", /tasks *≥ 449$/);
        await says(page, "#figures div", /zombies *unknown/);
        await says(page, "g.ns.block title", /at least \d+ tasks$/);
        await says(page, "g.ns.block title", /\n\d+ tasks$/);

        first.tasks = null;
        for (const ns of document.namespaces) ns.tasks = null;
        await page.unroute("**/api/v1/tree*");
        await page.route("**/api/v1/tree*", answer(document));
        await says(page, "#figures div", /tasks *unknown/);
        await says(page, "g.ns.block title", /\ntasks unknown/);
        await says(page, "g.ns:not(.block) title", /\ntasks unknown/);
        assert.doesNotMatch(stripped((await titles(page, "g.ns title")).join(" ")), /\b0 tasks|null|NaN/);
    },

    async only_the_server_says_that_it_is_live({ open, agent }) {
        const page = await open();
        const asked = [];
        const ways = [
            (route) => route.fulfill({ status: 503, contentType: "application/json", body: '{"error":"busy"}' }),
            (route) => route.fulfill({ status: 404, body: "nothing here" }),
            (route) => route.abort(),
            (route) => route.fulfill({ contentType: "application/json", body: "{" }),
        ];
        let times = 0;
        await page.route("**/api/v1/*", (route) => {
            asked.push(new URL(route.request().url()).pathname);
            return route.fulfill({ status: 404, body: "nothing here" });
        });
        await page.route("**/api/v1/about*", (route) => (ways[times++] ?? answer(recordingAbout))(route));
        await page.goto(agent.address);
        await says(page, "#trouble", /not known whether this is live or a recording: busy; asking again/);
        await says(page, "#trouble", /not known whether this is live or a recording: nothing here/);
        await says(page, "#trouble", /does not answer/);
        assert.equal(times > 0 && times < 5, true);
        assert.deepEqual(asked, [], "nothing is asked as if it were live");
        assert.equal(await page.textContent("#mode"), "");
        await page.waitForSelector("#times:not([hidden])");
        assert.equal(times, 5);
    },

    async tells_a_birth_from_a_first_sight({ open, agent }) {
        const page = await open();
        const document = largeTree(8, 100_000_000_000);
        const [first] = document.namespaces.filter((ns) => ns.type === "pid");
        Object.assign(document, { tracing_since_boot_ns: 40_000_000_000, mode: "full", lost: 0 });
        const one = (inum, more) => document.namespaces.push({ ...first, inum, parent: first.inum, level: 1, ...more });
        one(4026532001, { first_seen_boot_ns: 41_000_000_000 });
        one(4026532002, { first_seen_boot_ns: 70_000_000_000, born: true, created_by: { tid: 77, comm: "runc" } });
        await page.route("**/api/v1/tree*", answer(document));
        await page.goto(`${agent.address}/#ns=pid%3A4026532001`);
        await says(page, "#card .facts div", /^madethere before tracing began \(40\.000 s after boot, 1 min 0 s ago\)/);
        assert.doesNotMatch(await page.textContent("#card"), /first seen/);
        await page.goto(`${agent.address}/#ns=pid%3A4026532002`);
        await says(page, "#card .facts div", /^made70\.000 s after boot, 30\.0 s ago/);
        await says(page, "#card .facts div", /^made byrunc \(77\)/);
        // After a loss, or in reduced mode, it may have been made unseen.
        for (const change of [{ lost: 1 }, { lost: 0, mode: "reduced" }]) {
            Object.assign(document, change);
            await page.goto(`${agent.address}/#ns=pid%3A4026532001`);
            await says(page, "#card .facts div", /^madebefore it was first seen, 1\.0 s after tracing began, 59\.0 s ago; its making was not seen/);
        }
        Object.assign(document, { tracing_since_boot_ns: null, mode: "full" });
        await says(page, "#card .facts div", /^madethere before tracing began$/);
        document.mode = "reduced";
        await says(page, "#card .facts div", /^madeunknown; first seen 41\.000 s after boot/);
    },

    async says_events_in_words({ open, agent }) {
        const page = await open();
        const lines = readFileSync(new URL("../fixtures/debian-6.12-containers.jsonl", import.meta.url), "utf8").trim().split("\n");
        const actor = { key: "86", start_boottime_ns: 5, tid: 12, tgid: 12, comm: "bash" };
        const own = { kind: "task_exec", at_boot_ns: 5, task: { tid: 13 }, actor, ns: { nsproxy: "ab", mnt: 1, pid: 4026531836, pid_for_children: 4026532999, net: null } };
        const moved = {
            kind: "ns_switch", at_boot_ns: 6, task: { tid: 13 }, actor_key: "86", via: "switched",
            before: { nsproxy: "ab", mnt: 1, pid: 4026531836, pid_for_children: 4026531836, net: 7 }, after: { nsproxy: "cd", mnt: 2, pid: 4026531836, pid_for_children: 4026532999, net: 7 },
        };
        const who = { kind: "task_exe", at_boot_ns: 7, task: { tid: 13 }, path: "/bin/true", who: { container: null, runtime: "docker", pod: null, unit: "a.scope", exe: null } };
        const body = [...lines, ...[own, moved, who].map((line) => JSON.stringify(line))].map((line) => `data: ${line}\n\n`).join("");
        await page.route("**/api/v1/events*", (route) => route.fulfill({ contentType: "text/event-stream", body: `${body}event: end\ndata: {"lines":1}\n\n` }));
        await page.route("**/api/v1/about*", answer(recordingAbout));
        await page.goto(agent.address);
        await says(page, "#events .words", /actor tid bash \(12\)/);
        const words = (kind) => page.locator("#events .lines li", { has: page.locator(`b:text-is("${kind}")`) }).first().locator(".words");
        assert.equal(await words("task_exec").textContent(), "actor tid bash (12) · ns pid:[4026531836] pid_for_children pid:[4026532999]");
        assert.equal(await words("ns_switch").textContent(), "pid_for_children pid:[4026531836] → pid:[4026532999], mnt:[1] → mnt:[2] · via switched");
        assert.equal(await words("task_exe").textContent(), "path /bin/true · who runtime docker unit a.scope");
        assert.deepEqual(await words("task_exec").locator("a").evaluateAll((all) => all.map((a) => decodeURIComponent(a.hash))),
            ["#task=12", "#ns=pid:4026531836", "#ns=pid:4026532999"]);
        for (const text of await page.locator("#events .words").allTextContents()) assert.doesNotMatch(text, /[{}"=]|object|_key|undefined|null/);
        assert.ok((await page.locator("#events .words").count()) > 40);
        await words("task_exec").locator("a").nth(1).click();
        await says(page, "#card h2", /pid:\[4026531836\]/);
    },

    async says_that_emitted_is_counted_once_a_second({ open, agent }) {
        const page = await open();
        let text = "nstrail_emitted_events_total 1200\nnstrail_delivered_events_total 1234\nnstrail_sse_dropped_lines_total NaN\n";
        await page.route("**/metrics*", (route) => route.fulfill({ contentType: "text/plain", body: text }));
        await page.goto(`${agent.address}/#tab=health`);
        await says(page, "#health .facts div", /^emitted eventsat least 1,234 \(1,200 when last counted, up to a second ago\)$/);
        await says(page, "#health .facts div", /^delivered events1,234$/);
        await says(page, "#health .facts div", /^sse dropped linesunknown$/);
        text = "nstrail_emitted_events_total 1235\nnstrail_delivered_events_total 1234\n";
        await says(page, "#health .facts div", /^emitted events1,235 as of the last count, up to a second ago$/);
    },
};
