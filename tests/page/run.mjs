// SPDX-License-Identifier: Apache-2.0
// The page in Chromium against a real agent: node run.mjs --list, or
//   node run.mjs NSTRAIL OUT NAME    runs one test; screenshots go to the folder OUT
// Exit status: 0 passed, 1 failed, 77 skipped (with the reason).
import { existsSync, mkdirSync } from "node:fs";
import { startAgent } from "./agent.mjs";
import { tests } from "./tests.mjs";

const chromium = "/usr/bin/chromium";

/** Fails on what no test may see: errors on the console and requests that leave the agent. */
function watch(page, address, faults) {
    page.on("pageerror", (error) => faults.push(`error in the page: ${error.stack}`));
    page.on("console", (message) => {
        // A status that a test provokes is told by the browser as an error of its own.
        const refused = message.text().startsWith("Failed to load resource");
        if (message.type() === "error" && !refused) faults.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
        const { protocol, origin } = new URL(request.url());
        if (protocol !== "data:" && origin !== address) faults.push(`asked ${request.url()}`);
    });
}

const [binary, out, name] = process.argv.slice(2);
if (binary === "--list") {
    console.log(Object.keys(tests).join("\n"));
    process.exit(0);
}
const test = tests[name];
if (!test) {
    console.error(`there is no test ${name}`);
    process.exit(1);
}
if (!existsSync(chromium)) {
    console.log("skipped: no chromium: scripts/setup test");
    process.exit(77);
}
mkdirSync(out, { recursive: true });
const agent = await startAgent(binary);
if (agent.skip) {
    console.log(`skipped: ${agent.skip}`);
    process.exit(77);
}
const { chromium: driver } = await import("playwright-core");
let browser = null;
const pages = [];
let status = 0;
try {
    browser = await driver.launch({
        executablePath: chromium,
        args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    const faults = [];
    const open = async (options = {}, address = agent.address) => {
        const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, ...options });
        const page = await context.newPage();
        page.setDefaultTimeout(60_000);
        pages.push(page);
        watch(page, address, faults);
        return page;
    };
    await test({ open, agent, out, binary });
    if (faults.length) throw new Error(faults.join("\n"));
    console.log(`passed: ${name}`);
} catch (error) {
    console.error(error.stack);
    status = 1;
} finally {
    // A page goes on asking until it is closed: what a test answers itself may be on its way just then.
    for (const page of pages) await page.unrouteAll({ behavior: "ignoreErrors" });
    await browser?.close();
    await agent.stop();
}
process.exit(status);
