// SPDX-License-Identifier: Apache-2.0
// The page fits where there is little room.
import assert from "node:assert/strict";
import { largeTree } from "./documents.mjs";
import { answer, comes, says } from "./support.mjs";

const narrow = { viewport: { width: 360, height: 740 } };

/** nstrail.why/1 with `n` tasks that hold the first pid namespace. */
const heldBy = (namespace, n) => ({
    schema: "nstrail.why/1", namespace, at_boot_ns: 1, certain: true, doubts: [],
    holders: Array.from({ length: n }, (_, i) => ({ kind: "task", task: { tid: 1000 + i, comm: "worker" } })),
});

export const room = {
    async folds_a_long_list_of_holders({ open, agent }) {
        const page = await open(narrow);
        const document = largeTree(12);
        const first = document.namespaces.find((ns) => ns.type === "pid");
        let asked = 0;
        await page.route("**/api/v1/tree*", answer(document));
        await page.route("**/api/v1/why/*", (route) => { asked++; return answer(heldBy(first, 130))(route); });
        await page.goto(`${agent.address}/#ns=pid%3A${first.inum}`);
        await says(page, "#card button.all", /^Show all 130$/);
        assert.equal(await page.locator("#card .holders li").count(), 8);
        const top = await page.evaluate(() => document.querySelector("#below").getBoundingClientRect().top + scrollY);
        assert.ok(top < 1500, `the events are ${top} pixels down`);
        await page.click("#card button.all");
        assert.equal(await page.locator("#card .holders li").count(), 130);
        // It stays so while the card is renewed, and another card begins folded.
        const before = asked;
        await comes(page, () => asked >= before + 2, "the card asks twice more");
        assert.equal(await page.locator("#card .holders li").count(), 130);
        await page.evaluate((inum) => { location.hash = `#ns=pid:${inum}`; }, 4026532008);
        await says(page, "#card h2", /4026532008/);
        await says(page, "#card button.all", /^Show all 130$/);
        assert.equal(await page.locator("#card .holders li").count(), 8);
    },

    async placeholders_are_not_clipped({ open, agent }) {
        for (const options of [{}, { viewport: { width: 900, height: 700 } }, narrow]) {
            const page = await open(options);
            await page.goto(agent.address);
            await page.waitForSelector("g.ns");
            const clipped = await page.evaluate(() => [...document.querySelectorAll("input[placeholder]")].filter((input) => {
                const style = getComputedStyle(input);
                const text = Object.assign(document.createElement("span"), { textContent: input.placeholder });
                text.style.cssText = `position: absolute; white-space: pre; font: ${style.font}`;
                document.body.append(text);
                const wide = text.getBoundingClientRect().width;
                text.remove();
                const button = input.type === "search" ? 20 : 0; // keeps its room while it does not show
                return wide + button > input.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            }).map((input) => input.id));
            assert.deepEqual(clipped, [], JSON.stringify(options));
        }
    },
};
