import { makeTable, members, powerOff, serverId, struck } from "../../e2e/failover.ts";
import { Stack } from "../../e2e/stack.ts";
import type { Writer } from "../../e2e/writer.ts";
import type { Bench, Item } from "../item.ts";
import type { Figure } from "../measure.ts";

type Durability = "async" | "sync";

/** Losses of the primary's machine and of its PostgreSQL alone, each. */
const STRIKES = 5;
/** The same loss by hand: seconds until writes were accepted again. */
const BY_HAND: Record<Durability, number[]> = { async: [18.1, 19.7, 20.1], sync: [21.6, 22.7] };

/** The primary is lost under a writer: how long until rows are acknowledged again, with both durabilities. */
export const measure: Item = async (bench) => {
  const stack = new Stack("bench-failover");
  try {
    await stack.reset();
    stack.configure({ "phasewise:phase": 2 });
    await stack.up();
    await makeTable(stack);
    const async = await losses(bench, stack, "async");
    stack.configure({ "phasewise:phase": 2, "phasewise:database": { durability: "sync" } });
    await stack.up();
    const sync = await losses(bench, stack, "sync");
    const crashes = await repeated(bench, "crash of PostgreSQL", async () => crash(stack));
    const all = [...async, ...sync];
    return [
      loss("async", async),
      loss("sync", sync),
      {
        name: `loss of the primary's machine, the worst of ${all.length}`,
        values: [Math.max(...all)],
        unit: "s",
        floor: { what: "by hand", values: [Math.max(...BY_HAND.async, ...BY_HAND.sync)] },
        goal: { atMost: 30, of: "value" },
      },
      { name: "crash of PostgreSQL alone", values: crashes, unit: "s", goal: { atMost: 5, of: "value" } },
    ];
  } finally {
    await stack.remove();
  }
};

function loss(durability: Durability, values: number[]): Figure {
  const floor = { what: "by hand", values: BY_HAND[durability] };
  const name = `loss of the primary's machine, durability ${durability}`;
  return { name, values, unit: "s", floor, goal: { atMost: 22, of: "value" } };
}

async function repeated(bench: Bench, what: string, work: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let strike = 0; strike < STRIKES; strike++) {
    const seconds = await work();
    bench.progress(`${what}, ${strike + 1} of ${STRIKES}: ${seconds.toFixed(1)} s`);
    values.push(seconds);
  }
  return values;
}

function losses(bench: Bench, stack: Stack, durability: Durability): Promise<number[]> {
  return repeated(bench, `loss of the primary's machine, ${durability}`, async () => {
    const id = await serverId(stack, await primary(stack, durability));
    const written = await struck(stack, () => powerOff(stack, id));
    if (durability === "sync" && written.missing > 0) throw new Error(`${written.missing} rows are missing`);
    await stack.api("POST", `/servers/${id}/actions/poweron`);
    await primary(stack, durability);
    return recovered(written);
  });
}

async function crash(stack: Stack): Promise<number> {
  const leader = await primary(stack, "sync");
  const kill = "kill -9 $(head -1 /data/postgresql/17/main/postmaster.pid)";
  const written = await struck(stack, () =>
    stack.expectOk("ssh", stack.name, leader, "--", kill).then(() => {}),
  );
  if (written.missing > 0) throw new Error(`${written.missing} rows are missing`);
  return recovered(written);
}

/** The longest time without an acknowledgement: the strike itself takes a while to be noticed here. */
function recovered({ longestGapMs, recoveredMs }: Awaited<ReturnType<Writer["stop"]>>): number {
  if (recoveredMs === null) throw new Error("no row was acknowledged again");
  return longestGapMs / 1000;
}

/** The primary's name, once the other member can take its place. */
async function primary(stack: Stack, durability: Durability): Promise<string> {
  let leader = "";
  await stack.eventually(async () => {
    const all = await members(stack);
    const ready = all.some(({ role, state }) =>
      durability === "sync" ? role === "sync_standby" : state === "streaming" && role === "replica",
    );
    if (!ready) throw new Error(`no member can take over: ${JSON.stringify(all)}`);
    leader = all.find(({ role }) => role === "leader")!.name;
  });
  return leader;
}
