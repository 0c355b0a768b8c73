// SPDX-License-Identifier: Apache-2.0
// What several tests of the page use.
import assert from "node:assert/strict";
import { join } from "node:path";

/** Answers a route with a document. */
export const answer = (document) => (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify(document) });

export const stripped = (text) => text.replace(/\s+/g, " ");

/** Waits until the text of what `selector` finds matches. */
export const says = (page, selector, pattern) =>
    page.waitForFunction(([where, source]) => [...document.querySelectorAll(where)].some((one) => new RegExp(source).test(one.textContent)), [selector, pattern.source]);

/** Waits until `seen`, asked again and again, gives true: for what is not on the page. Fails after a minute, which is
 * patience with a busy machine. */
export async function comes(page, seen, what) {
    for (const until = Date.now() + 60_000; !(await seen());) {
        assert.ok(Date.now() < until, `did not come: ${what}`);
        await page.waitForTimeout(50);
    }
}

export async function shot(page, out, name) {
    await page.screenshot({ path: join(out, `${name}.png`) });
}
