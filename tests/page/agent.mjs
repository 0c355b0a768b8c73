// SPDX-License-Identifier: Apache-2.0
// A real agent of this host for one test, and namespaces for it to see.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A subcommand that serves the page on a port that it chooses: {address, stop}, or {code, said} where it ended. */
async function startServer(binary, args) {
    const server = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(server, "exit");
    let said = "";
    const address = await Promise.race([
        new Promise((resolve) => {
            const hear = (bytes) => {
                said += bytes;
                const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
                if (found) resolve(found[0]);
            };
            server.stdout.on("data", hear);
            server.stderr.on("data", hear);
        }),
        ended.then(([code]) => ({ code })),
    ]);
    if (address.code !== undefined) return { code: address.code, said };
    return {
        address,
        async stop() {
            server.kill("SIGTERM");
            await ended;
        },
    };
}

/** {address, stop}, or {skip: why} where this host cannot be traced. */
export async function startAgent(binary) {
    if (process.getuid() !== 0) return { skip: "tracing needs root" };
    const agent = await startServer(binary, ["agent", "--listen", "127.0.0.1:0"]);
    if (agent.code === 4) return { skip: `the agent cannot trace here: ${agent.said.trim().split("\n").at(-1)}` };
    if (agent.code !== undefined) throw new Error(`the agent ended with ${agent.code}: ${agent.said}`);
    return agent;
}

/** A recording as `nstrail replay --serve` shows it: {address, stop}. */
export async function serveRecording(binary, recording) {
    const server = await startServer(binary, ["replay", recording, "--serve", "127.0.0.1:0"]);
    if (server.code !== undefined) throw new Error(`the recording is not served: ${server.said}`);
    return server;
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

/** `n` namespaces of type uts that processes sleep in, below one shell: {inums, end}. */
export async function manyUtsNamespaces(n) {
    const script = `for i in $(seq ${n}); do unshare --uts sleep 300 & done; wait`;
    const shell = spawn("sh", ["-c", script], { stdio: "ignore" });
    const ended = once(shell, "exit");
    const own = readlinkSync("/proc/self/ns/uts");
    const uts = (pid) => { try { return readlinkSync(`/proc/${pid}/ns/uts`); } catch { return own; } };
    const end = async () => {
        // The shell first, so that it makes no more; then what it made.
        process.kill(shell.pid, "SIGSTOP");
        for (const pid of children(shell.pid)) process.kill(pid, "SIGKILL");
        process.kill(shell.pid, "SIGKILL");
        await ended;
    };
    for (const until = Date.now() + 60_000; ;) {
        const inums = children(shell.pid).map(uts).filter((name) => name !== own).map((name) => Number(/\d+/.exec(name)[0]));
        if (inums.length === n) return { inums, end };
        if (shell.exitCode !== null || Date.now() > until) {
            await end();
            throw new Error(`unshare made ${inums.length} of ${n} uts namespaces`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}
