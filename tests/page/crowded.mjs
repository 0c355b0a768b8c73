// SPDX-License-Identifier: Apache-2.0
// A host that is crowded for real.
import assert from "node:assert/strict";
import { manyUtsNamespaces } from "./agent.mjs";
import { comes, says, shot } from "./support.mjs";

const crowd = 300;

export const crowded = {
    async a_block_counts_what_the_api_counts({ open, agent, out }) {
        const made = await manyUtsNamespaces(crowd);
        try {
            const page = await open();
            await page.goto(`${agent.address}/#tree=all`);
            const seen = async () => {
                const { namespaces } = await (await fetch(`${agent.address}/api/v1/tree`)).json();
                const inums = new Set(namespaces.filter((ns) => ns.type === "uts").map((ns) => ns.inum));
                return made.inums.every((inum) => inums.has(inum));
            };
            await comes(page, seen, "the agent knows all of them");
            // What the page was told and what it draws of that are one moment.
            let doc = null;
            await page.route("**/api/v1/tree*", async (route) => {
                doc ??= await (await route.fetch()).json();
                await route.fulfill({ contentType: "application/json", body: JSON.stringify(doc) });
            });
            await comes(page, () => doc, "the page is told");
            await says(page, "#figures div", new RegExp(`^namespaces${doc.namespaces.length.toLocaleString("en-GB")}$`));
            await says(page, "g.ns.block .name", /namespaces more/);
            await page.waitForFunction((at) => document.querySelector("#figures").textContent.includes(at), `${(doc.at_boot_ns / 1e9).toFixed(3)} s`);
            const titles = await page.locator("g.ns title").allTextContents();
            let drawn = 0;
            for (const title of titles) {
                const [, more] = /^…([\d,]+) namespaces more/.exec(title) ?? [];
                drawn += more ? Number(more.replace(",", "")) : 1;
            }
            assert.equal(drawn, doc.namespaces.length);
            assert.ok(titles.length < doc.namespaces.length / 2);
            await shot(page, out, "crowded");
        } finally {
            await made.end();
        }
    },
};
