import { z } from "zod";
import { BACKUP_PROGRAM } from "../../../roles/backupUnits.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { askMembers } from "../members.ts";
import { withRunbook } from "../runbook.ts";

const lost = z.object({ from: z.number(), segments: z.number(), repository: z.number().default(1) });
const ended = lost.extend({ to: z.number(), backup: z.string() });
const gaps = z.object({
  // A machine that has not seen an `up` for long tells one or none.
  open: z.preprocess(
    (value) => (Array.isArray(value) ? value : value === null ? [] : [value]),
    z.array(lost),
  ),
  past: z.array(ended),
});

/** What a member gave up of the log; times in seconds since 1970. */
export type Gaps = z.infer<typeof gaps>;

/** Between which times nothing can be restored, because log was given up while the storage did not answer. */
export const archiveGap: Check = {
  name: "point-in-time",
  async run(world) {
    const { clusters, stack } = world.topology;
    const findings = clusters.map(async (cluster) => {
      // Every member keeps what it gave up while it was the primary.
      const { answers, silent } = await askMembers(world, cluster, `${BACKUP_PROGRAM} gaps`);
      const found = answers.map((answer) => gaps.parse(JSON.parse(answer)));
      return [judge(cluster.name, found, world.now, stack, world.topology.buckets.length), ...silent];
    });
    return combine((await Promise.all(findings)).flat());
  },
};

/** How long an ended gap is told of: point-in-time restores reach back so far in every phase. */
const toldDays = 7;

export function judge(cluster: string, found: Gaps[], now: Date, stack: string, repositories = 1): Finding {
  const text = (second: number) => new Date(second * 1000).toISOString().slice(0, 19).concat("Z");
  const open = found.flatMap((one) => one.open).sort((a, b) => a.from - b.from);
  const whose = (repository: number) => (repositories === 1 ? "" : ` in repository ${repository}`);
  if (open[0]) {
    const gone = new Set(open.map(({ repository }) => repository));
    const others = repositories - gone.size;
    const besides = others > 0 ? "; the other repository has all of it" : "";
    return {
      ok: false,
      detail: `${cluster}: log was given up${whose(open[0].repository)}; no time from ${text(open[0].from)} until the next full backup can be restored${others > 0 ? " from there" : ""}${besides}`,
      fix: withRunbook(
        `the object storage must answer and take the stack's keys: a full backup is made then by itself; npx phasewise logs ${stack} --unit phasewise-backup-watch`,
        "archive-stuck",
      ),
    };
  }
  const past = found
    .flatMap((one) => one.past)
    .filter(({ to }) => now.getTime() / 1000 - to < toldDays * 86_400)
    .map(({ from, repository, to }) => `none between ${text(from)} and ${text(to)}${whose(repository)}`);
  return { ok: true, detail: [`${cluster}: any moment since the oldest backup`, ...past].join(", but ") };
}
