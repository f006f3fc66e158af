import { psql } from "../../restore/archive.ts";
import { type Check, combine, type Finding } from "../check.ts";

/** NTP keeps machines together within milliseconds; what is within this harms nothing that goes by the time. */
const WITHIN_SECONDS = 5;

/** Commits, backups and certificates carry the time: a restore to a moment goes by the clocks of the database's machines. */
export const clocks: Check = {
  name: "clocks",
  async run(world) {
    const { clusters, machines, stack } = world.topology;
    const holdsData = (name: string) => clusters.some(({ members }) => members.includes(name));
    const findings = machines.map(async (machine) => {
      const asked = Date.now() / 1000;
      // PostgreSQL is asked too: what it believes is what its commits say.
      const database = `${psql("SELECT extract(epoch FROM clock_timestamp())")} 2>/dev/null || true`;
      const text = await world.run(
        machine,
        holdsData(machine.name) ? `date +%s.%N; ${database}` : "date +%s.%N",
      );
      return judgeClock(machine.name, text.trim().split("\n").map(Number), [asked, Date.now() / 1000], stack);
    });
    return combine(await Promise.all(findings));
  },
};

/**
 * @param told What the machine's clocks said, in seconds since 1970.
 * @param between When it was asked and when the answer was there, by the clock of whoever asks.
 */
export function judgeClock(
  machine: string,
  told: number[],
  [asked, answered]: [number, number],
  stack: string,
): Finding {
  const offsets = told.map((time) => (time < asked ? time - asked : Math.max(0, time - answered)));
  const worst = offsets.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most), 0);
  if (Math.abs(worst) <= WITHIN_SECONDS) return { ok: true, detail: `${machine} goes right` };
  return {
    ok: false,
    detail: `${machine} is ${Math.abs(worst).toFixed(0)} s ${worst > 0 ? "ahead of" : "behind"} the clock here`,
    fix: `see which of the two is wrong (timedatectl; npx phasewise ssh ${stack} ${machine} -- timedatectl), and put it right; restore to a place in the log or a restore point, not to a time of these moments`,
  };
}
