// SPDX-License-Identifier: Apache-2.0
// A real agent of this host for one test, and namespaces for it to see.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** {address, stop}, or {skip: why} where this host cannot be traced. */
export async function startAgent(binary) {
    if (process.getuid() !== 0) return { skip: "tracing needs root" };
    const agent = spawn(binary, ["agent", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(agent, "exit");
    let said = "";
    const address = await Promise.race([
        new Promise((resolve) => {
            const hear = (bytes) => {
                said += bytes;
                const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
                if (found) resolve(found[0]);
            };
            agent.stdout.on("data", hear);
            agent.stderr.on("data", hear);
        }),
        ended.then(([code]) => ({ code })),
    ]);
    if (address.code === 4) return { skip: `the agent cannot trace here: ${said.trim().split("\n").at(-1)}` };
    if (address.code !== undefined) throw new Error(`the agent ended with ${address.code}: ${said}`);
    return {
        address,
        async stop() {
            agent.kill("SIGTERM");
            await ended;
        },
    };
}

const children = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

/** A process that sleeps in a pid namespace of its own: {inum, pid, end}. */
export async function newPidNamespace() {
    const unshare = spawn("unshare", ["--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "300"], { stdio: "ignore" });
    const ended = once(unshare, "exit");
    for (;;) {
        const [pid] = children(unshare.pid);
        if (pid && readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "sleep") {
            const inum = Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))[0]);
            return {
                inum,
                pid,
                async end() {
                    process.kill(pid, "SIGKILL");
                    await ended;
                },
            };
        }
        if (unshare.exitCode !== null || !readdirSync("/proc").includes(String(unshare.pid))) {
            throw new Error("unshare made no pid namespace");
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}
