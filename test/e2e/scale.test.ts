import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WatchedCanary } from "../../operations/rollout/clients.ts";
import { Stack } from "./stack.ts";

/** Another size on real machines, while the canary writes and reads. */
const stack = new Stack("scale");
/** PHASEWISE_SCALE=type: phase 2, whose machines get another type one after the other. */
const replicas = process.env.PHASEWISE_SCALE !== "type";

interface Report {
  seconds: number;
  price: { before: number; after: number };
  canary: WatchedCanary;
}

async function scale(...args: string[]): Promise<Report> {
  const report = await stack.json<Report>("scale", stack.name, ...args, "--yes");
  const { canary, seconds } = report;
  process.stderr.write(
    `scale ${args.join(" ")}: ${seconds} s, ${canary.acknowledged} rows, ${canary.errors} errors, worst wait ${canary.worstStallMs} ms\n`,
  );
  expect(canary.missing).toBe(0);
  return report;
}

const whole = () => stack.eventually(async () => expect(await stack.faults()).toEqual([]));

beforeAll(async () => {
  await stack.reset();
  stack.configure({
    "phasewise:deletionProtection": !replicas,
    "phasewise:phase": replicas ? 3 : 2,
    ...(replicas ? { "phasewise:loadBalancer": { public: true } } : {}),
  });
  await stack.up();
  await stack.backedUp();
});

afterAll(() => stack.remove());

test("what cannot be is refused, all of it at once, and nothing is touched", async () => {
  const outcome = await stack.run("scale", stack.name, "--volume", "9", "--server-type", "cax11", "--yes");
  expect(outcome.code).toBe(2);
  for (const part of ["sizeGb", "cax11"]) expect(outcome.stderr).toContain(part);
  expect((await stack.run("scale", stack.name, "--resume", "--yes")).code).toBe(2);
});

test.runIf(replicas)(
  "larger volumes and one more replica, and one less: no client sees an error",
  async () => {
    const report = await scale("--volume", "11", "--replicas", "2");
    expect(report.canary.errors).toBe(0);
    expect(report.price.after).toBeGreaterThan(report.price.before);
    const size = await stack.expectOk(
      "ssh",
      stack.name,
      "db-1",
      "--",
      "df -BG --output=size /data | tail -n 1",
    );
    expect(Number.parseInt(size, 10)).toBe(11);
    expect(readFileSync(stack.file, "utf8")).toContain("sizeGb: 11");
    expect(await stack.servers()).toHaveLength(8);
    expect((await scale("--replicas", "1")).canary.errors).toBe(0);
    expect(await stack.servers()).toHaveLength(7);
    await whole();
  },
);

test.runIf(!replicas)("another type: one machine after the other, no acknowledged row is lost", async () => {
  const { canary } = await scale("--server-type", "cpx32");
  expect(canary.errors).toBe(canary.announcedErrors);
  const { servers } = await stack.api<{ servers: { server_type: { name: string } }[] }>("GET", "/servers");
  expect(servers.map(({ server_type }) => server_type.name)).toEqual(["cpx32", "cpx32", "cpx32"]);
  await whole();
});
