import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Item } from "../item.ts";

/** Calls under way at once, and how long calls are made for each figure (milliseconds). */
const connections = 8;
const duration = 3_000;

/**
 * List calls a second to the API with 200 servers in its store, held to one core. Once as clients poll, with nothing
 * changed in between; once with another selector each time, so that no reply serves twice.
 */
export const measure: Item = async (bench) => {
  bench.progress("list calls to the API");
  const script = join(import.meta.dirname, "..", "apiServer.ts");
  const child = spawn("taskset", ["-c", "0", process.execPath, script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const server = JSON.parse(line) as { port: number; token: string };
    const polled = await bench.repeat(() =>
      rate(server, (call) => `/servers?per_page=50&page=${(call % 4) + 1}`),
    );
    const selected = await bench.repeat((run) =>
      rate(server, (call) => `/servers?label_selector=group%3Dgroup-${call % 10},never!%3D${run}-${call}`),
    );
    return [
      {
        name: "list calls with 200 servers, pages of 50, one core",
        values: polled,
        unit: "a second",
        goal: { atLeast: 1000, of: "value" },
      },
      {
        name: "list calls with 200 servers, each with a selector of its own (20 found), one core",
        values: selected,
        unit: "a second",
        goal: { atLeast: 1000, of: "value" },
      },
    ];
  } finally {
    child.kill();
  }
};

/** Calls that were answered, a second. */
async function rate(
  { port, token }: { port: number; token: string },
  path: (call: number) => string,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const headers = { authorization: `Bearer ${token}` };
  let calls = 0;
  const started = performance.now();
  const client = async () => {
    while (performance.now() - started < duration) {
      await answered(agent, port, `/v1${path(calls++)}`, headers);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - started) / 1000;
  agent.destroy();
  return calls / seconds;
}

/** Resolves with the end of a reply that must list something. */
function answered(agent: Agent, port: number, path: string, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, port, path, headers, host: "127.0.0.1" }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on("end", () => {
        if (response.statusCode === 200 && bytes > 10_000) resolve();
        else reject(new Error(`${path}: ${response.statusCode}, ${bytes} bytes`));
      });
    });
    request.on("error", reject);
  });
}
