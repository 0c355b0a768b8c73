// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newPidNamespace } from "./agent.mjs";
import { crowded } from "./crowded.mjs";
import { largeTree, recordingAbout, task } from "./documents.mjs";
import { honest } from "./honest.mjs";
import { room } from "./narrow.mjs";
import { ofRecording } from "./recording.mjs";
import { answer, comes, says, shot, stripped } from "./support.mjs";

const here = (type) => Number(/\d+/.exec(readlinkSync(`/proc/self/ns/${type}`))[0]);
/** A stream that breaks a rule, as the command line judges it. */
function violated(binary) {
    const folder = mkdtempSync(join(tmpdir(), "page-"));
    try {
        const lines = readFileSync(new URL("../fixtures/debian-6.12-containers.jsonl", import.meta.url), "utf8").trim().split("\n").map((line) => JSON.parse(line));
        // As if another task had given each its nsproxy.
        for (const line of lines) {
            if (line.kind === "ns_switch" && line.via === "switched") line.actor_key = "abc";
        }
        writeFileSync(join(folder, "stream.jsonl"), `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
        const done = spawnSync(binary, ["check", join(folder, "stream.jsonl"), "--json"], { encoding: "utf8" });
        assert.equal(done.status, 3, done.stderr);
        return JSON.parse(done.stdout);
    } finally {
        rmSync(folder, { recursive: true });
    }
}

export const tests = {
    ...honest,
    ...room,
    ...ofRecording,
    ...crowded,

    async draws({ open, agent }) {
        const page = await open();
        await page.goto(agent.address);
        await page.waitForSelector("g.ns");
        await says(page, "g.ns .name", new RegExp(String(here("pid"))));
        await page.click("#tab-user");
        await says(page, "g.ns .name", new RegExp(String(here("user"))));
        await page.click("#tab-all");
        await says(page, "g.ns", /net:\[\d+\]/);
        assert.match(stripped(await page.textContent("#figures")), /namespaces ?[1-9]/);
    },

    async follows_a_new_namespace({ open, agent }) {
        const page = await open();
        await page.goto(agent.address);
        await page.waitForSelector("g.ns");
        const made = await newPidNamespace();
        try {
            await says(page, "g.ns title", new RegExp(`${made.inum}`));
            await page.fill("#query", String(made.inum));
            await page.press("#query", "Enter");
            await says(page, "#card h2", new RegExp(`pid:\\[${made.inum}\\]`));
            await says(page, "#card", new RegExp(`sleep \\(${made.pid}\\)`));
            await says(page, "#card .holders", /task/);
        } finally {
            await made.end();
        }
        await page.waitForFunction((inum) => ![...document.querySelectorAll("g.ns:not(.empty):not(.dying) title")].some((one) => one.textContent.includes(inum)), String(made.inum));
    },

    async filters_the_events({ open, agent }) {
        const page = await open();
        await page.goto(`${agent.address}/#filter=kind%20%3D%20task_exec%20and%20comm%20%3D%20true`);
        await says(page, "#events .state-line", /following/);
        execFileSync("/usr/bin/true");
        execFileSync("/usr/bin/true");
        await says(page, "#events .lines li", /task_exec/);
        const words = await page.locator("#events .lines li summary").allTextContents();
        assert.deepEqual(words.filter((line) => !/session|gap|task_exec.*true/.test(line)), []);
        await page.locator("#events .lines li:has-text('task_exec') summary").first().click();
        await says(page, "#events .lines pre", /"kind": "task_exec"/);
    },

    async tells_where_a_filter_is_wrong({ open, agent }) {
        const page = await open();
        await page.goto(agent.address);
        await page.fill("#filter", "comm = sh and nothing = 1");
        await page.press("#filter", "Enter");
        await says(page, "#filter-error", /column 15/);
        assert.match(await page.textContent("#filter-error"), /\n {14}\^\n/);
    },

    async pauses_the_events({ open, agent }) {
        const page = await open();
        // Only what this test does: of all that a busy host does the page soon has as many lines as it keeps.
        await page.goto(`${agent.address}/#filter=kind%20%3D%20task_exec%20and%20comm%20%3D%20true`);
        await says(page, "#events .state-line", /following/);
        execFileSync("/usr/bin/true");
        await says(page, "#events .lines li", /task_exec/);
        await page.click("#events button[aria-pressed]");
        const before = await page.locator("#events .lines li").count();
        execFileSync("/usr/bin/true");
        await says(page, ".state-line", /paused, [1-9]/);
        assert.equal(await page.locator("#events .lines li").count(), before);
        await page.click("#events button[aria-pressed]");
        await page.waitForFunction((n) => document.querySelectorAll("#events .lines li").length > n, before);
    },

    async says_how_many_lines_were_left_out({ open, agent }) {
        const page = await open();
        const body = 'event: gap\ndata: {"left_out":130}\n\n';
        await page.route("**/api/v1/events*", (route) => route.fulfill({ contentType: "text/event-stream", body }));
        await page.goto(agent.address);
        await says(page, "#events .lines .gap", /130 lines left out/);
    },

    async opens_the_card_of_a_task({ open, agent }) {
        const page = await open();
        await page.route("**/api/v1/task/812*", answer(task));
        await page.goto(`${agent.address}/#task=812`);
        await says(page, "#card h2", /<b>bold<\/b>/);
        assert.equal(await page.locator("#card h2 b").count(), 0);
        await says(page, "#card .vector li", /1 in pid:\[4026532201\]/);
        await says(page, "#card", /netunknown/);
        await says(page, "#card .unknown", /3 lines left out/);
        await page.keyboard.press("Escape");
        await says(page, "#card h2", /Nothing chosen/);
    },

    async says_that_a_task_is_not_known({ open, agent }) {
        const page = await open();
        await page.goto(`${agent.address}/#task=4194304`);
        await says(page, "#card .unknown", /Not known here/);
    },

    async shows_a_finding({ open, agent, binary, out }) {
        const page = await open();
        const found = violated(binary);
        await page.route("**/api/v1/findings*", answer(found));
        await page.goto(`${agent.address}/#tab=findings`);
        await page.waitForSelector("article.violation");
        const { because, rule, evidence } = found.findings.find((one) => one.verdict === "violation");
        await page.waitForFunction((text) => document.querySelector("article.violation").textContent.includes(text), because);
        assert.match(await page.textContent("article.violation h3"), new RegExp(rule));
        assert.equal(await page.locator("article.violation >> nth=0 >> ol li").count(), evidence.length);
        assert.doesNotMatch(stripped((await page.locator("article ol li").allTextContents()).join(" ")), /[{}"]|_key/);
        await shot(page, out, "findings");
    },

    async shows_hooks_and_loss({ open, agent, out }) {
        const page = await open();
        await page.goto(`${agent.address}/#tab=health`);
        await says(page, "#health h3", /Hooks/);
        const doctor = await (await fetch(`${agent.address}/api/v1/doctor`)).json();
        await page.waitForFunction((n) => document.querySelectorAll("#health .hooks tbody tr").length === n, doctor.hooks.length);
        await says(page, "#health dt", /emitted events/);
        await says(page, "#health dt", /unrecorded events/);
        await shot(page, out, "health");
    },

    async shows_unknown_as_unknown({ open, agent }) {
        const page = await open();
        const document = largeTree(40);
        document.lost = null;
        await page.route("**/api/v1/tree*", answer(document));
        await page.goto(`${agent.address}/#ns=pid%3A4026532014`);
        await says(page, "#figures div", /lost *unknown/);
        await says(page, "#card .facts div", /last pid *unknown/);
    },

    async a_deep_link_restores_the_view({ open, agent }) {
        const page = await open();
        const inum = here("user");
        await page.goto(`${agent.address}/#tree=user&ns=user%3A${inum}&tab=health`);
        await says(page, "#card h2", new RegExp(`user:\\[${inum}\\]`));
        assert.equal(await page.getAttribute("#tab-user", "aria-selected"), "true");
        assert.equal(await page.getAttribute("#tab-health", "aria-selected"), "true");
        await page.waitForSelector("g.ns.chosen");
        await page.click("#tab-pid");
        await page.goBack();
        await page.waitForSelector("#tab-user[aria-selected=true]");
    },

    async obeys_the_keyboard({ open, agent, out }) {
        const page = await open();
        await page.goto(agent.address);
        await page.waitForSelector("g.ns");
        await page.keyboard.press("2");
        await page.waitForSelector("#tab-user[aria-selected=true]");
        await page.keyboard.press("t");
        await page.keyboard.press("ArrowRight");
        await page.waitForSelector("g.ns.chosen");
        await says(page, "#card h2", /user:\[/);
        await page.keyboard.press("/");
        assert.equal(await page.evaluate(() => document.activeElement.id), "query");
        await page.keyboard.press("Escape");
        await page.keyboard.press("?");
        await page.waitForSelector("dialog[open] kbd");
        await shot(page, out, "keys");
        await page.keyboard.press("?");
        await page.waitForSelector("dialog[open]", { state: "detached" });
        await page.keyboard.press("h");
        await page.waitForSelector("#tab-health[aria-selected=true]");
    },

    async the_slider_moves_the_tree({ open, agent, out }) {
        const page = await open();
        const asked = [];
        await page.route("**/api/v1/about*", answer(recordingAbout));
        await page.route("**/api/v1/tree*", (route) => {
            const at = new URL(route.request().url()).searchParams.get("at");
            asked.push(at);
            return answer(largeTree(at && Number(at) < 40e9 ? 20 : 60, Number(at ?? 70e9)))(route);
        });
        await page.route("**/api/v1/events*", (route) => {
            asked.push(`events ${new URL(route.request().url()).searchParams.get("end")}`);
            return route.fulfill({ contentType: "text/event-stream", body: 'data: {"kind":"mark","at_boot_ns":11000000000}\n\nevent: end\ndata: {"lines":1}\n\n' });
        });
        await page.goto(agent.address);
        await says(page, "#figures div", /namespaces *60/);
        await page.fill("#at", "250");
        await says(page, "#figures div", /namespaces *20/);
        assert.ok(asked.includes("25000000000"));
        await says(page, "#events .lines li", /mark/);
        await page.waitForFunction(() => location.hash.includes("at=25000000000"));
        await comes(page, () => asked.includes("events 25000000000"), "the events until 25 s");
        await shot(page, out, "slider");
    },

    async stays_readable_with_10000_namespaces({ open, agent, out }) {
        const page = await open();
        await page.route("**/api/v1/tree*", answer(largeTree(10_000)));
        await page.goto(`${agent.address}/#tree=all`);
        await says(page, "g.ns.block", /…\d+ namespaces more/);
        await shot(page, out, "large");
        const few = await page.locator("g.ns").count();
        assert.ok(few < 500, `${few} boxes are drawn`);
        // From block to block one comes to a namespace by itself.
        const single = page.locator("g.ns:not(.block)");
        assert.equal(await single.count(), 1);
        for (let i = 0; i < 6 && (await single.count()) < 4; i++) {
            await page.locator("g.ns.block").first().click();
        }
        assert.ok((await single.count()) >= 4, `${await single.count()} boxes of one namespace`);
        await page.fill("#query", "app-9999");
        await page.press("#query", "Enter");
        await page.waitForSelector("g.ns.chosen:not(.block)");
        await shot(page, out, "large-chosen");
    },

    async fits_light_dark_and_narrow({ open, agent, out }) {
        const ns = `#ns=pid%3A${here("pid")}`;
        for (const [name, options] of [
            ["light", { colorScheme: "light" }], ["dark", { colorScheme: "dark" }],
            ["narrow", { viewport: { width: 360, height: 740 }, colorScheme: "light" }],
        ]) {
            const page = await open(options);
            await page.goto(`${agent.address}/${ns}`);
            await page.waitForSelector("g.ns.chosen");
            await says(page, "#card h3", /Held by/);
            const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.ok(wide <= 0, `${name}: ${wide} pixels too wide`);
            await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
        }
    },

    async holds_its_files_and_no_outside_address({ agent }) {
        for (const [path, type] of [["/", "text/html"], ["/assets/page.js", "text/javascript"], ["/assets/page.css", "text/css"], ["/assets/licences.txt", "text/plain"]]) {
            const response = await fetch(agent.address + path);
            assert.equal(response.status, 200, path);
            assert.ok(response.headers.get("content-type").startsWith(type));
            const etag = response.headers.get("etag");
            const again = await fetch(agent.address + path, { headers: { "If-None-Match": etag } });
            assert.equal(again.status, 304, path);
            const body = await response.text();
            if (path === "/") assert.doesNotMatch(body, /<style|style=|<script>|https?:/);
        }
    },
};
