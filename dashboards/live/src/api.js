// SPDX-License-Identifier: Apache-2.0
// Questions to the agent. Addresses are relative, so that a proxy may put the page below a path.

/** An answer that is not 2xx; `status` 0 = no answer. */
export class Refusal extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

async function asked(path, signal) {
    let response;
    try {
        response = await fetch(path, { signal, headers: { Accept: "application/json, text/event-stream, text/plain" } });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Refusal(0, "the agent does not answer");
    }
    if (!response.ok) throw new Refusal(response.status, await reason(response));
    return response;
}

async function reason(response) {
    const text = await response.text();
    try {
        return String(JSON.parse(text).error);
    } catch {
        return text.trim() || `status ${response.status}`;
    }
}

function address(path, parameters) {
    const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ""));
    return String(query) === "" ? path : `${path}?${query}`;
}

/** The JSON of api/v1/PATH. */
export async function json(path, parameters = {}, signal = undefined) {
    return (await asked(address(`api/v1/${path}`, parameters), signal)).json();
}

export async function metrics(parameters = {}) {
    return (await asked(address("metrics", parameters))).text();
}

/** Calls take({event, data}) for each server-sent event until the stream ends or signal aborts. */
export async function follow(parameters, signal, take, opened) {
    const response = await asked(address("api/v1/events", parameters), signal);
    opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
            let event = "message";
            const data = [];
            for (const line of block.split("\n")) {
                if (line.startsWith("event: ")) event = line.slice(7);
                else if (line.startsWith("data: ")) data.push(line.slice(6));
            }
            if (data.length) take({ event, data: JSON.parse(data.join("\n")) });
        }
    }
}
