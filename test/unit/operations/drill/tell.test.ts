import { expect, test } from "vitest";
import { type DrillReport, lastDrill, reportKey } from "../../../../operations/drill/reports.ts";
import { drillMetrics, tellerOf } from "../../../../operations/drill/tell.ts";
import type { Machine } from "../../../../operations/topology.ts";

const at = (seconds: number) => new Date(seconds * 1000);

test("Prometheus is told of the last drill of each kind, and of the last good one", () => {
  const text = drillMetrics([
    { cluster: "main", kind: "restore", ok: false, startedAt: at(2000), goodAt: at(1000) },
    { cluster: "main", kind: "disaster", ok: false, startedAt: at(3000), goodAt: null },
  ]);
  expect(text).toBe(`# HELP phasewise_drill_ok Whether the last drill went well
# TYPE phasewise_drill_ok gauge
phasewise_drill_ok{cluster="main",kind="restore"} 0
phasewise_drill_ok{cluster="main",kind="disaster"} 0
# HELP phasewise_drill_timestamp_seconds When the last drill began
# TYPE phasewise_drill_timestamp_seconds gauge
phasewise_drill_timestamp_seconds{cluster="main",kind="restore"} 2000
phasewise_drill_timestamp_seconds{cluster="main",kind="disaster"} 3000
# HELP phasewise_drill_good_timestamp_seconds When the last good drill began
# TYPE phasewise_drill_good_timestamp_seconds gauge
phasewise_drill_good_timestamp_seconds{cluster="main",kind="restore"} 1000
`);
  expect(drillMetrics([])).toBe("");
});

test("the last drill is the newest report, good or not", async () => {
  const reports = new Map(
    [true, false].map((ok, hour) => {
      const started = at(hour * 3600);
      return [reportKey("restore", "main", started), { ok, startedAt: started.toISOString() } as DrillReport];
    }),
  );
  const store = {
    keys: async (prefix: string) => [...reports.keys()].filter((key) => key.startsWith(prefix)).sort(),
    get: async (key: string) => reports.get(key) ?? null,
  };
  expect(await lastDrill(store, "restore", "main")).toMatchObject({ ok: false });
  expect(await lastDrill(store, "disaster", "main")).toBeNull();
});

test("the machine that sends alerts is told, else the first that is measured, else nobody", () => {
  const machine = (name: string, ...roles: string[]) => ({ name, roles }) as Machine;
  const measured = [machine("a"), machine("b", "metrics"), machine("c", "metrics", "alerts")];
  expect(tellerOf({ machines: measured })?.name).toBe("c");
  expect(tellerOf({ machines: measured.slice(0, 2) })?.name).toBe("b");
  expect(tellerOf({ machines: measured.slice(0, 1) })).toBeUndefined();
});
