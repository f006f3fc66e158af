import { appendFileSync, readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { Etcd } from "../../clients/etcd.ts";
import { Patroni } from "../../clients/patroni.ts";
import { Engine } from "../../operations/deploy/engine.ts";
import { Machines } from "../../operations/machines.ts";
import { StackWorld } from "../../operations/promote/stackWorld.ts";
import { currentTurn } from "./turn.ts";

/**
 * Loaded before a command (node --import): kills it with SIGKILL at the first place that the file
 * PHASEWISE_TEST_PLACES does not name yet, and names it there. A place is just before or just after something that
 * changes the world: what is written into etcd, run on a machine, asked of Patroni, done by the engine. With
 * PHASEWISE_TEST_WALK_EVERY it kills at every so many-th place only, other ones with each turn.
 */
const file = process.env.PHASEWISE_TEST_PLACES;
if (!file) throw new Error("PHASEWISE_TEST_PLACES is missing");
const known = new Set(readFileSync(file, "utf8").split("\n"));
const every = Number(process.env.PHASEWISE_TEST_WALK_EVERY ?? 1);
const turn = currentTurn() % every;
let step = "begin";
/** While everything is checked, nothing is changed. */
let looking = 0;

function place(name: string): void {
  if (looking > 0 || known.has(name)) return;
  known.add(name);
  appendFileSync(file!, `${name}\n`);
  if (known.size % every !== turn) return;
  process.kill(process.pid, "SIGKILL");
}

type Method = (...args: never[]) => Promise<unknown>;

/** @param nameOf What the call does; null for one that changes nothing. @param during Milliseconds after its start. */
function watch<T extends object, K extends keyof T>(
  prototype: T,
  method: K,
  nameOf: (...args: Parameters<T[K] extends Method ? T[K] : never>) => string | null,
  during: number[] = [],
): void {
  const original = prototype[method] as unknown as Method;
  const watched = async function (this: T, ...args: never[]): Promise<unknown> {
    const effect = nameOf(...(args as Parameters<T[K] extends Method ? T[K] : never>));
    if (effect === null) return await original.apply(this, args);
    const name = `${step}: ${effect}`;
    place(`${name} | before`);
    const timers = during.map((ms) => setTimeout(() => place(`${name} | ${ms} ms after its start`), ms));
    try {
      return await original.apply(this, args);
    } finally {
      timers.forEach(clearTimeout);
      place(`${name} | after`);
    }
  };
  prototype[method] = watched as unknown as T[K];
}

function unwatched<T extends object>(prototype: T, method: keyof T): void {
  const original = prototype[method] as unknown as Method;
  const quiet = async function (this: T, ...args: never[]): Promise<unknown> {
    looking++;
    try {
      return await original.apply(this, args);
    } finally {
      looking--;
    }
  };
  prototype[method] = quiet as unknown as T[keyof T];
}

/** The journal tells which step is at work. */
function writing(key: string, value: string | null): string {
  if (!key.endsWith("/journal")) return `write ${key.replace(/^.*\//, "")}`;
  const { begun, direction } = value
    ? (JSON.parse(value) as { begun: string | null; direction: string })
    : { begun: null, direction: "" };
  if (begun) step = direction === "back" ? `undo ${begun}` : begun;
  return value === null ? "remove the journal" : begun ? "journal: it begins" : "journal: it has ended";
}

/** What only looks. */
const looks = /^(cat|journalctl|if \[|systemctl is-active|pgbackrest|runuser -u postgres -- psql)/;

if (isMainThread) {
  watch(Etcd.prototype, "put", writing);
  watch(Etcd.prototype, "addLearner", () => "add a learner");
  watch(Etcd.prototype, "promoteMember", () => "give a learner its vote");
  watch(Etcd.prototype, "removeMember", () => "remove a member");
  watch(Patroni.prototype, "patchConfiguration", (patch) => `configure Patroni: ${JSON.stringify(patch)}`);
  watch(Machines.prototype, "run", ({ name }, command) =>
    looks.test(command) ? null : `on ${name}: ${command.split("\n").at(-1)!.slice(0, 70)}`,
  );
  watch(
    Engine.prototype,
    "run",
    ([command, sub]) => (command === "up" ? "up" : command === "state" ? `state ${sub}` : null),
    [500, 2000, 4000, 7000, 11_000],
  );
  watch(StackWorld.prototype, "writePhase", () => "write the stack's file");
  for (const method of ["verify", "confirm"] as const) unwatched(StackWorld.prototype, method);
}
