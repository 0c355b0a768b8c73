// SPDX-License-Identifier: Apache-2.0
// Documents as the agent makes them, for what no real agent here can be brought to say.
const first = { mnt: 4026531841, uts: 4026531838, ipc: 4026531839, pid: 4026531836, net: 4026531840, cgroup: 4026531835, time: 4026531834, user: 4026531837 };

function namespace(type, inum, more) {
    return {
        type, inum, id: null, gen: 1, parent: null, owner: first.user, level: type === "pid" || type === "user" ? 0 : null,
        tasks: 1, zombies: 0, state: "alive", certain: true, reaper: null, last_pid: null, pids_used: null, pid_max: null, teardown: null,
        first_seen_boot_ns: 1_000_000_000, born: false, created_by: null, container: null, runtime: null, pod: null, unit: null, ...more,
    };
}

/** nstrail.tree/1 with `size` namespaces, half of them pid namespaces three levels deep, at `at`. */
export function largeTree(size, at = 60_000_000_000) {
    const namespaces = Object.entries(first).map(([type, inum]) => namespace(type, inum, { tasks: size, owner: type === "user" ? null : first.user }));
    const types = ["pid", "net", "pid", "mnt", "pid", "user"];
    const states = ["alive", "alive", "alive", "alive", "alive", "alive", "empty", "dying", "zapping"];
    let parent = first.pid;
    for (let i = namespaces.length; i < size; i++) {
        const type = types[i % types.length];
        const inum = 4026532000 + i;
        const deep = type === "pid" && i % 30 === 0;
        namespaces.push(namespace(type, inum, {
            tasks: (i * 7919) % 40, zombies: i % 97 === 0 ? 2 : 0, certain: i % 211 !== 0, state: states[(i * 31) % states.length],
            parent: type === "pid" ? (deep ? parent : first.pid) : type === "user" ? first.user : null,
            level: type === "pid" || type === "user" ? 1 : null, container: i % 3 === 0 ? `app-${i}` : null,
            reaper: type === "pid" ? { tid: 1000 + i, comm: "init" } : null,
        }));
        if (type === "pid" && i % 5 === 0) parent = inum;
    }
    return { schema: "nstrail.tree/1", boot_id: "5eed1c76-0000-4000-8000-000000000007", at: "2026-01-01T00:00:00Z", at_boot_ns: at, certain: true, lost: 0, mode: "full", tracing_since_boot_ns: 500_000_000, doubt: null, namespaces, pid_requests: [] };
}

/** nstrail.about/1 of a recording of one minute. */
export const recordingAbout = {
    schema: "nstrail.about/1", version: "0", mode: "recording", host_boot_id: "5eed1c76-0000-4000-8000-000000000007",
    begin_boot_ns: 10_000_000_000, end_boot_ns: 70_000_000_000, begin: "2026-01-01T00:00:00Z", end: "2026-01-01T00:01:00Z", recording: "flight", boots: 1,
};

/** nstrail.task/1 of a task two levels deep, with a name that would be markup. */
export const task = {
    schema: "nstrail.task/1", at: "2026-01-01T00:00:30Z", at_boot_ns: 40_000_000_000, certain: true,
    task: {
        tid: 812, tgid: 812, ppid: 1, comm: "<b>bold</b>", exe: null, start_boottime_ns: 12_000_000_000, state: "alive",
        vpids: [{ pid_namespace: first.pid, nr: 812 }, { pid_namespace: 4026532201, nr: 1 }],
        ns: { ...first, pid: 4026532201, pid_for_children: 4026532201, time_for_children: first.time, net: null }, cgroup: null, container: null,
    },
    story: [{ kind: "task_new", at_boot_ns: 12_000_000_000, tid: 812 }, { kind: "task_exec", at_boot_ns: 12_500_000_000, filename: "/usr/bin/app" }],
    story_cut: 3,
};
