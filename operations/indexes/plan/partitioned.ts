import type { Index, Table, World } from "../world/world.ts";
import { type Asked, buildStep, dropLeftover, leftoversOf, serves, underConstruction } from "./index.ts";
import type { Verdict } from "./plan.ts";
import { createIndex, joinedName, qualified, readable } from "./statement.ts";
import type { Step } from "./steps.ts";

/**
 * An index of a partitioned table cannot be built concurrently as a whole: the parent's is made empty, each
 * partition's own is built concurrently and attached; with the last one the parent's becomes valid. What a killed run
 * made is found by its definition and gone on with.
 */
export function planPartitioned(asked: Asked, world: World): Verdict {
  const { entry, table, note } = asked;
  const existing = world.indexes.filter((one) => one.table === table.oid && serves(one, asked));
  const valid = existing.find((one) => one.valid);
  if (valid) return { kind: "present", note: valid.name === entry.name ? null : `as ${valid.name}` };
  const outside = keyOutside(asked);
  if (outside) return outside;
  const leaves = descendants(table, world).filter((one) => one.kind !== "partitioned");
  const busy = underConstruction(
    leaves.flatMap((leaf) => leftoversOf(asked, indexesOf(leaf, world))),
    world,
  );
  if (busy) return busy;
  const steps = tree(asked, table, entry.name, world);
  const repaired = existing.length > 0 || steps.some((one) => one.title.startsWith("drop"));
  return { kind: "work", steps, repaired, note };
}

/** A unique index holds across partitions only where its keys contain the partition key. */
function keyOutside({ entry, table, shape }: Asked): Verdict | null {
  if (!shape.unique || entry.type !== "columns") return null;
  const columns = /\((.*)\)$/.exec(table.partitionKey ?? "")?.[1]?.split(", ") ?? [];
  const lacking = columns.filter(
    (column) => !entry.keys.some((key) => key.column === column.replaceAll('"', "")),
  );
  if (lacking.length === 0) return null;
  return {
    kind: "failed",
    reason: `${readable(table)} is partitioned by ${columns.join(", ")}, which a unique index must contain`,
    todo: `Add ${lacking.join(", ")} to the columns on line ${entry.line}.`,
  };
}

function tree(asked: Asked, table: Table, name: string, world: World): Step[] {
  const children = world.tables.filter((one) => one.parent === table.oid);
  const existing = indexesOf(table, world).find((one) => serves(one, asked));
  const index = { schema: table.schema, name: existing?.name ?? name };
  const parts = children.map((child) => part(asked, child, index, existing ?? null, world));
  const parent: Step = {
    title: `make ${name} on ${readable(table)}, without its partitions yet`,
    sql: [createIndex(name, table, asked.shape, "only")],
    undo: { kind: "partitioned index", ...index, restore: parts.flatMap((one) => one.restore) },
    leftover: null,
    lock: "brief",
  };
  return [...(existing ? [] : [parent]), ...parts.flatMap((one) => one.steps)];
}

interface Part {
  steps: Step[];
  /** Statements that bring back what was there before and hangs on the parent from now on. */
  restore: string[];
}

function part(
  asked: Asked,
  child: Table,
  parent: { schema: string; name: string },
  parentIndex: Index | null,
  world: World,
): Part {
  const own = indexesOf(child, world).filter((one) => serves(one, asked));
  const name = joinedName(parent.name, child.name);
  const attached = own.find((one) => parentIndex !== null && one.parent === parentIndex.oid);
  if (child.kind === "partitioned") {
    const inner = tree(asked, child, attached?.name ?? name, world);
    return {
      steps: attached ? inner : [...inner, attach(parent, { schema: child.schema, name }, child)],
      restore: [],
    };
  }
  if (attached?.valid) return { steps: [], restore: [] };
  const free = own.find((one) => one.valid && one.parent === null && !one.constraint);
  if (free) {
    const again = createIndex(free.name, child, asked.shape, "concurrently");
    return { steps: [attach(parent, free, child)], restore: [again] };
  }
  const drops = leftoversOf(asked, indexesOf(child, world), name).map(dropLeftover);
  const build = buildStep(name, child, asked.shape);
  return { steps: [...drops, build, attach(parent, { schema: child.schema, name }, child)], restore: [] };
}

function attach(
  parent: { schema: string; name: string },
  index: { schema: string; name: string },
  child: Table,
): Step {
  return {
    title: `attach ${index.name} of ${readable(child)}`,
    sql: [`ALTER INDEX ${qualified(parent)} ATTACH PARTITION ${qualified(index)}`],
    undo: null,
    leftover: null,
    lock: "brief",
  };
}

function indexesOf(table: Table, world: World): Index[] {
  return world.indexes.filter((one) => one.table === table.oid);
}

export function descendants(table: Table, world: World): Table[] {
  const children = world.tables.filter((one) => one.parent === table.oid);
  return children.flatMap((child) => [child, ...descendants(child, world)]);
}
