// SPDX-License-Identifier: Apache-2.0
// Bundles the page: node build.mjs FOLDER writes index.html, page.js, page.css and licences.txt there.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const to = process.argv[2];
if (!to) {
    console.error("usage: node build.mjs FOLDER");
    process.exit(2);
}
mkdirSync(to, { recursive: true });
const common = { bundle: true, minify: true, charset: "utf8", legalComments: "none", absWorkingDir: here };
const { metafile } = await build({
    ...common,
    entryPoints: ["src/main.js"],
    outfile: join(to, "page.js"),
    format: "esm",
    target: "es2022",
    metafile: true,
});
await build({ ...common, entryPoints: ["src/page.css"], outfile: join(to, "page.css") });
copyFileSync(join(here, "src/index.html"), join(to, "index.html"));

// What is bundled is given on, and so is its licence.
const packages = new Set(
    Object.keys(metafile.inputs)
        .map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1])
        .filter(Boolean),
);
const licences = [...packages]
    .sort()
    .map((name) => `${name}\n\n${readFileSync(join(here, "node_modules", name, "LICENSE"), "utf8")}`);
writeFileSync(join(to, "licences.txt"), licences.join("\n---\n\n"));
