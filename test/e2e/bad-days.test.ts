import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Stack } from "./stack.ts";
import { chosenOf, type Variant } from "./variants.ts";

/** What must not hurt: killed, interrupted and doubled runs, wrong settings, a PostgreSQL that does not start. */
const stack = new Stack("bad-days");
const unchanged = { create: 0, update: 0, replace: 0, delete: 0 };

/** Kinds of things in the cloud and how many phase 1 has of each. */
const phaseOne = { servers: 1, volumes: 1, networks: 1, primary_ips: 1 };

async function inventory(): Promise<Record<string, number>> {
  const count = async (kind: string): Promise<number> =>
    (await stack.api<Record<string, unknown[]>>("GET", `/${kind}`))[kind]!.length;
  const counts: Record<string, number> = {};
  for (const kind of Object.keys(phaseOne)) counts[kind] = await count(kind);
  return counts;
}

/** Processes of this stack's runs whose command line holds a text. */
function processes(text: string): number[] {
  const read = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      // It ended while we looked.
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => read(pid, "environ").includes(`PHASEWISE_DIR=${stack.directory}\0`))
    .filter((pid) => read(pid, "cmdline").includes(text))
    .map(Number);
}

/** Waits until something is so, looking often: a killed run should be killed at that moment. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited two minutes for: ${what}`);
    await sleep(50);
  }
}

/** The moments of a first `up` at which it is struck. */
const moments = {
  "the server is being made": async () => (await stack.servers()).length === 1,
  "the volume is attached": async () => {
    const { volumes } = await stack.api<{ volumes: { server: number | null }[] }>("GET", "/volumes");
    return volumes.some((volume) => volume.server !== null);
  },
} as const;

async function expectWhole(): Promise<void> {
  expect(await inventory()).toEqual(phaseOne);
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  expect((await stack.up()).changes).toMatchObject(unchanged);
}

beforeAll(async () => {
  await stack.reset();
  await stack.expectOk("cloud", "start");
});

afterAll(() => stack.remove());

/** What may happen to a first `up`, once the server is there if nothing else is said; another one has to finish it. */
interface Strike extends Variant {
  when?: keyof typeof moments;
  /** @param running The struck `up`. */
  strike(running: ReturnType<Stack["start"]>): Promise<void> | void;
  /** How the struck one has to end, where that is certain. */
  exitCode?: number;
}

const killed: Strike["strike"] = (running) => void running.kill("SIGKILL");
const killAll = (...texts: string[]) => {
  for (const pid of texts.flatMap(processes)) process.kill(pid, "SIGKILL");
};
const strikes: Strike[] = [
  { name: "by kill -9 of the command while the server is being made: nothing is doubled", strike: killed },
  {
    name: "by kill -9 of the command while the volume is attached: nothing is doubled",
    when: "the volume is attached",
    strike: killed,
  },
  {
    name: "by kill -9 of the plugin: the error says so",
    strike: () => killAll("plugins/native/main.ts"),
    exitCode: 1,
  },
  {
    name: "by kill -9 of the engine and all it started: what the state does not know is adopted",
    strike: (running) => {
      killAll("bin/pulumi", "pulumi-resource-", "plugins/");
      running.kill("SIGKILL");
    },
  },
  {
    name: "by kill -9 of the cloud's daemon",
    strike: async () => void process.kill((await stack.cloudStatus()).pid, "SIGKILL"),
  },
  {
    name: "by Ctrl-C: exit 130, no lock is left",
    strike: (running) => void running.kill("SIGINT"),
    exitCode: 130,
  },
];

describe("a first up that is struck", () => {
  beforeEach(async () => {
    await stack.run("destroy", stack.name, "--yes");
    expect(await inventory()).toEqual({ servers: 0, volumes: 0, networks: 0, primary_ips: 0 });
  });

  const chosen = chosenOf(strikes, 3, process.env.PHASEWISE_TEST_STRIKES);
  test.each(chosen)("$name; the next one finishes", async ({ exitCode, strike, when }) => {
    const running = stack.start(["up", stack.name, "--yes", "--no-verify"]);
    const moment = when ?? "the server is being made";
    await until(moment, moments[moment]);
    await strike(running);
    const ended = await running;
    if (exitCode !== undefined) expect(ended.exitCode, String(ended.stderr)).toBe(exitCode);
    await stack.up();
    await expectWhole();
  });

  test("and is then destroyed: nothing stays in the cloud", async () => {
    const run = stack.start(["up", stack.name, "--yes", "--no-verify"]);
    await until("the volume is there", moments["the volume is attached"]);
    run.kill("SIGKILL");
    await run;
    await stack.expectOk("destroy", stack.name, "--yes");
    expect(await inventory()).toEqual({ servers: 0, volumes: 0, networks: 0, primary_ips: 0 });
  });
});

describe("a running stack", () => {
  beforeAll(async () => {
    stack.configure({});
    await stack.up();
  });

  test("two ups at once: the second is refused and changes nothing, the first goes on", async () => {
    stack.configure({ "phasewise:database": { parameters: { work_mem: "21MB" } } });
    const first = stack.start(["up", stack.name, "--yes", "--no-verify"]);
    await until("the engine runs", () => processes("bin/pulumi").length > 0);
    const second = await stack.run("up", stack.name, "--yes", "--no-verify");
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/another|already/i);
    expect((await first).exitCode).toBe(0);
    expect(await stack.sql("show work_mem")).toBe("21MB");
  });

  test("a setting that PostgreSQL refuses is named, and the old ones stay in force", async () => {
    stack.configure({ "phasewise:database": { parameters: { work_mem: "a lot" } } });
    const outcome = await stack.run("up", stack.name, "--yes", "--no-verify");
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain("work_mem");
    expect(outcome.stderr).toContain("a lot");
    expect(await stack.sql("show work_mem")).toBe("21MB");
    stack.configure({});
    await stack.up();
  });

  test("a setting that needs a restart waits, is told, and is done by rollout", async () => {
    stack.configure({ "phasewise:database": { parameters: { max_locks_per_transaction: "128" } } });
    await stack.up();
    expect(await stack.sql("show max_locks_per_transaction")).toBe("64");
    const waiting = (await stack.verify()).checks.find((check) => check.name === "pending-restarts");
    expect(waiting).toMatchObject({ ok: true, fix: expect.stringContaining("rollout") });
    expect(waiting?.detail).toContain("max_locks_per_transaction");
    await stack.expectOk("rollout", stack.name, "--only", "restarts", "--yes");
    await stack.eventually(async () => expect(await stack.sql("show max_locks_per_transaction")).toBe("128"));
    expect(await stack.faults()).toEqual([]);
    stack.configure({});
    await stack.up();
    await stack.expectOk("rollout", stack.name, "--only", "restarts", "--yes");
  });

  test("a file with many faults: all are told at once, exit 2, nothing is touched", async () => {
    stack.configure({
      "phasewise:phase": 9,
      "phasewise:volume": { sizeGb: 5 },
      "phasewise:location": "mars",
      "phasewise:sever": { type: "cpx22" },
    });
    const outcome = await stack.run("up", stack.name, "--yes");
    expect(outcome.code).toBe(2);
    for (const path of ["phasewise:phase", "sizeGb", "mars", "phasewise:sever"])
      expect(outcome.stderr).toContain(path);
    stack.configure({});
    expect((await stack.up()).changes).toMatchObject(unchanged);
  });

  test("a smaller volume is refused before anything is touched", async () => {
    stack.configure({ "phasewise:volume": { sizeGb: 11 } });
    await stack.up();
    stack.configure({ "phasewise:volume": { sizeGb: 10 } });
    const outcome = await stack.run("up", stack.name, "--yes");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toMatch(/shrink|smaller/);
    stack.configure({ "phasewise:volume": { sizeGb: 11 } });
    expect((await stack.up()).changes).toMatchObject(unchanged);
  });

  test("what is protected is not destroyed, and the way out is told", async () => {
    const protectedSettings = { "phasewise:volume": { sizeGb: 11 }, "phasewise:deletionProtection": true };
    stack.configure(protectedSettings);
    await stack.up();
    const outcome = await stack.run("destroy", stack.name, "--yes");
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain("deletionProtection");
    expect(await inventory()).toEqual(phaseOne);
    stack.configure({ "phasewise:volume": { sizeGb: 11 } });
    await stack.up();
    await stack.expectOk("destroy", stack.name, "--yes");
    expect((await inventory()).servers).toBe(0);
  });
});
