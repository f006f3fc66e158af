import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Stack } from "../../e2e/stack.ts";
import type { Item } from "../item.ts";
import type { Figure } from "../measure.ts";

/** Size of the database; `PHASEWISE_BENCH_GB` for another. */
const gigabytes = Number(process.env.PHASEWISE_BENCH_GB ?? 5);
const STANZA = "main";
/** Of one run of pgbench. */
const PGBENCH_SECONDS = 20;
const script = readFileSync(join(import.meta.dirname, "../backups.sh"), "utf8");

interface Backups {
  clusters: {
    backups: { label: string; type: string; repositoryBytes: number }[];
  }[];
}

/** What is timed in each run, in seconds, and the sizes of both kinds of backup in bytes. */
type Timed = Record<
  "full" | "base" | "restored" | "fetched" | "dump" | "dumpFetched" | "diff" | "fullBytes" | "diffBytes",
  number
>;

/**
 * Backups and restores beside what a team does without them, on one machine, with one object storage on the same
 * cores, in one run: the bare tools of PostgreSQL piped to and from the very same bucket.
 */
export const measure: Item = async (bench) => {
  const stack = new Stack("bench-backups");
  const remote = remoteOf(stack);
  try {
    await stack.reset();
    stack.configure({ "phasewise:volume": { sizeGb: Math.max(10, Math.ceil(gigabytes * 6)) } });
    await stack.up();
    bench.progress(`filling a database of ${gigabytes} GB`);
    bench.progress(`${Math.round((await remote("fill", `${gigabytes}`)) / 1e6)} MB`);
    const runs: Timed[] = [];
    for (let run = 0; run < bench.runs; run++)
      runs.push(
        await timed(stack, remote, (what) => bench.progress(`run ${run + 1} of ${bench.runs}: ${what}`)),
      );
    return [...figuresOf(runs), await throughput(bench, remote)];
  } finally {
    await stack.remove();
  }
};

async function timed(stack: Stack, remote: Remote, step: (what: string) => void): Promise<Timed> {
  step("full backup");
  const full = await backup(stack, remote, "full");
  step("pg_basebackup | zstd");
  const base = await remote("basebackup");
  step("restore");
  const restored = await remote("restore", STANZA);
  step("fetch | zstd -d | tar");
  const fetched = await remote("base-fetch");
  step("pg_dump | gzip");
  const dump = await remote("dump");
  step("its restore");
  const dumpFetched = await remote("dump-fetch");
  step("differential backup after a rewrite of 1 %");
  await remote("rewrite");
  const diff = await backup(stack, remote, "diff");
  return {
    ...{ full: full.seconds, base, restored, fetched, dump, dumpFetched, diff: diff.seconds },
    ...{ fullBytes: full.bytes, diffBytes: diff.bytes },
  };
}

/** Each beside its floor; the goals are of ratios: 80 % of the speed is 1.25 times the time. */
function figuresOf(runs: Timed[]): Figure[] {
  const of = (key: keyof Timed) => runs.map((run) => run[key]);
  const seconds = (
    name: string,
    value: keyof Timed,
    floor: keyof Timed,
    what: string,
    atMost: number,
  ): Figure => ({
    name: `${name}, ${gigabytes} GB`,
    values: of(value),
    unit: "s",
    floor: { what, values: of(floor) },
    goal: { atMost, of: "ratio" },
  });
  return [
    seconds("full backup", "full", "base", "pg_basebackup | zstd | curl", 1.25),
    seconds("full backup", "full", "dump", "pg_dump | gzip | curl", 1),
    seconds("restore", "restored", "fetched", "curl | zstd -d | tar", 1.25),
    seconds("restore", "restored", "dumpFetched", "curl | gzip -d | psql", 1),
    seconds("differential after 1 % was rewritten", "diff", "full", "full backup", 0.15),
    {
      name: "its size",
      values: of("diffBytes").map((bytes) => bytes / 1e6),
      unit: "MB",
      floor: { what: "full backup", values: of("fullBytes").map((bytes) => bytes / 1e6) },
      goal: { atMost: 0.05, of: "ratio" },
    },
  ];
}

/** pgbench with the log archived to the object storage on the same cores, and with the archive off, by turns. */
async function throughput(bench: Parameters<Item>[0], remote: Remote): Promise<Figure> {
  await remote("pgbench-init");
  const on: number[] = [];
  const off: number[] = [];
  for (let run = 0; run < bench.runs; run++) {
    bench.progress(`run ${run + 1} of ${bench.runs}: pgbench with the archive off and on`);
    off.push(await remote("pgbench", "off", `${PGBENCH_SECONDS}`));
    on.push(await remote("pgbench", "on", `${PGBENCH_SECONDS}`));
  }
  return {
    name: "pgbench with the archive on, 8 clients",
    values: on,
    unit: "a second",
    floor: { what: "archive off", values: off },
    goal: { atLeast: 0.85, of: "ratio" },
  };
}

async function backup(
  stack: Stack,
  remote: Remote,
  type: "full" | "diff",
): Promise<{ seconds: number; bytes: number }> {
  const seconds = await remote("backup", type);
  const { clusters } = await stack.json<Backups>("backups", stack.name);
  const newest = clusters[0]!.backups.at(-1)!;
  if (newest.type !== type) throw new Error(`the newest backup is ${newest.label}, not a ${type} one`);
  // What pgBackRest notes is in whole seconds.
  return { seconds, bytes: newest.repositoryBytes };
}

type Remote = (...words: string[]) => Promise<number>;

/** Runs a part of `backups.sh` on the machine; the last line that it prints is its figure. */
function remoteOf(stack: Stack): Remote {
  return async (...words) => {
    // Into a file first: what it starts would read the rest of the script as its own input.
    const program = `f=$(mktemp) && cat >$f && sh $f ${words.join(" ")} </dev/null; code=$?; rm -f $f; exit $code`;
    const run = stack.start(["ssh", stack.name, "core-1", "--", program], {
      stdin: undefined,
      input: script,
      timeout: 1_800_000,
    });
    const { exitCode, stdout, stderr } = await run;
    if (exitCode !== 0) throw new Error(`backups.sh ${words.join(" ")}: exit ${exitCode}\n${stderr}`);
    return Number(String(stdout).trim().split("\n").at(-1));
  };
}
