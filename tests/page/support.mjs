// SPDX-License-Identifier: Apache-2.0
// What several tests of the page use.
import { join } from "node:path";

/** Answers a route with a document. */
export const answer = (document) => (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify(document) });

export const stripped = (text) => text.replace(/\s+/g, " ");

/** Waits until the text of what `selector` finds matches. */
export const says = (page, selector, pattern) =>
    page.waitForFunction(([where, source]) => [...document.querySelectorAll(where)].some((one) => new RegExp(source).test(one.textContent)), [selector, pattern.source]);

export async function shot(page, out, name) {
    await page.screenshot({ path: join(out, `${name}.png`) });
}
