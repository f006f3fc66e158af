import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack } from "./stack.ts";
import { Writer } from "./writer.ts";

/** A stack is restored over its own data while a writer is at it; what it was told is compared with what is there. */
const stack = new Stack("restore-in-place");

interface Report {
  outcome: string;
  timeline: { before: number; after: number };
  stoppedSeconds: number;
  kept: { id: string } | null;
}

interface Guarded {
  ok: boolean;
  command: { code: number };
  back: { level: string; state: string; withinLimit: boolean }[];
}

beforeAll(async () => {
  await stack.reset();
  await stack.up();
  await stack.sql("CREATE TABLE numbered (n int PRIMARY KEY); GRANT SELECT, INSERT ON numbered TO app");
  await stack.backedUp();
});

afterAll(() => stack.remove());

async function numbers(): Promise<number[]> {
  return (await stack.sql("SELECT n FROM numbered ORDER BY n")).split("\n").filter(Boolean).map(Number);
}

async function machine(): Promise<string> {
  return (await stack.json<{ machines: { name: string }[] }>("status", stack.name)).machines[0]!.name;
}

test("a restore in place that is killed goes on, ends with what was acknowledged before, and leads back", async () => {
  const writer = new Writer((await stack.expectOk("url", stack.name, "--show-secrets")).trim());
  await writer.start();
  // Nobody writes at the point itself, so that what lies before it is known to the row.
  const { acknowledged } = await writer.stop();
  await stack.expectOk("restore-point", "midway", stack.name);
  await stack.sql("INSERT INTO numbered SELECT generate_series(1000001, 1000010)");

  const cut = stack.start(["restore", stack.name, "--to", "midway", "--in-place", "--yes"]);
  let told = "";
  cut.stderr!.on("data", (text: Buffer) => {
    told += text;
    if (told.includes("replay the log")) cut.kill("SIGKILL");
  });
  await cut;
  expect(told).toContain("replay the log");
  const second = await stack.run("restore", stack.name, "--in-place", "--yes");
  expect(second.code).toBe(2);
  expect(second.stderr).toContain("another restore is under way");

  const report = await stack.json<Report>("restore", stack.name, "--resume");
  process.stderr.write(
    `restore in place, resumed: clients without a primary for ${report.stoppedSeconds} s\n`,
  );
  expect(report).toMatchObject({ outcome: "done", kept: { id: expect.any(String) } });
  expect(report.timeline.after).toBeGreaterThan(report.timeline.before);
  expect(await numbers()).toEqual(acknowledged);
  // The archive goes on with the new timeline.
  await stack.expectOk("restore-point", "after", stack.name);

  await stack.expectOk("restore", stack.name, "--back", "--yes");
  expect((await numbers()).length).toBe(acknowledged.length + 10);
  await stack.expectOk("restore-point", "back-again", stack.name);
  await stack.expectOk("restore", stack.name, "--forget-old", "--yes");
  const kept = await stack.expectOk("ssh", stack.name, await machine(), "--", "ls /data/postgresql/17");
  expect(kept.trim()).toBe("main");
});

test("what cannot work is refused with all that is wrong, and nothing is touched", async () => {
  const name = await machine();
  const config = "/etc/pgbackrest/pgbackrest.conf";
  await stack.expectOk(
    ...["ssh", stack.name, name, "--"],
    `cp -a ${config} /root/kept.conf; sed -i 's/^repo1-cipher-pass.*/repo1-cipher-pass=wrong/' ${config}; fallocate -l $(( $(df -B1 --output=avail /data | tail -1) - 120000000 )) /data/filler`,
  );
  try {
    const wrongKey = await stack.run("restore", stack.name, "--in-place", "--yes");
    expect(wrongKey.code).toBe(2);
    expect(wrongKey.stderr).toContain("their key is not the one that they were written with");
    await stack.expectOk("ssh", stack.name, name, "--", `cp -a /root/kept.conf ${config}`);
    const full = await stack.run("restore", stack.name, "--in-place", "--yes");
    expect(full.code).toBe(2);
    expect(full.stderr).toMatch(/the volume of \S+ \(10\.\d GB\) is too small/);
    expect(full.stderr).toContain("Nothing was touched.");
  } finally {
    await stack.expectOk(
      "ssh",
      stack.name,
      name,
      "--",
      `cp -a /root/kept.conf ${config}; rm -f /data/filler`,
    );
  }
  for (const [to, words] of [
    ["2020-01-01T00:00:00Z", "it is before the oldest backup. Give a time between"],
    ["no-such-point", 'There is no restore point "no-such-point". There are: '],
    ["FF/0", "the log has not come there yet"],
  ] as const) {
    const outcome = await stack.run("restore", stack.name, "--in-place", "--yes", "--to", to);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(words);
  }
});

test("a migration that fails behind guard is led back by the gentlest way that does", async () => {
  const before = await numbers();
  const guarded = async (...args: string[]) => {
    const outcome = await stack.run("guard", stack.name, "--json", "--on-failure", "restore", ...args);
    return { code: outcome.code, report: JSON.parse(outcome.stdout) as Guarded };
  };
  const psql = (sql: string) => ["--", "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", sql];
  const index = await guarded(
    ...["--check", "SELECT to_regclass('slow') IS NULL"],
    ...psql("CREATE INDEX slow ON numbered ((n % 7))"),
  );
  expect(index).toMatchObject({
    code: 1,
    report: { back: [{ level: "L2", state: "recovered", withinLimit: true }] },
  });
  const dropped = await guarded("--", "sh", "-c", 'psql -qX -c "DROP TABLE numbered"; exit 7');
  expect(dropped).toMatchObject({
    code: 7,
    report: {
      ok: false,
      command: { code: 7 },
      back: [{ level: "L3", state: "recovered", withinLimit: true }],
    },
  });
  expect(await numbers()).toEqual(before);
  expect((await guarded(...psql("SELECT 1"))).code).toBe(0);
});

test("a canary that is left on tells what a restore took from it", async () => {
  await stack.expectOk("canary", "start", stack.name);
  await stack.eventually(async () => {
    const { acknowledged } = await stack.json<{ acknowledged: number }>("canary", "report", stack.name);
    expect(acknowledged).toBeGreaterThan(10);
  });
  const doubled = await stack.run("canary", "start", stack.name);
  expect(doubled.code).toBe(2);
  const report = await stack.json<{ missing: number; running: boolean }>("canary", "stop", stack.name);
  expect(report).toMatchObject({ missing: 0, running: false });
});
