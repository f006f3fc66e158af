import { quote } from "../../clients/ssh/quote.ts";
import type { Topology } from "../../infra/topology.ts";
import { DUMP_PROGRAM } from "../../roles/dump.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { Machines } from "../machines.ts";
import type { Cluster, Machine } from "../topology.ts";

/** One at a time: the program sees to that as well. */
const UNIT = "phasewise-dump-asked";
/** Its exit status where another one is under way. */
const BUSY = 75;

/**
 * Runs the dump program on a machine, as a unit, so that it goes on where the connection is lost.
 * @throws Problem with its last words where it fails, or another one is under way.
 */
export async function runDumpProgram(machines: Machines, machine: Machine, words: string[]): Promise<void> {
  const command = [DUMP_PROGRAM, ...words].map(quote).join(" ");
  const started = `systemd-run --quiet --collect --wait --unit=${UNIT} -p PrivateTmp=yes -p UMask=0077 ${command}`;
  const begun = (await machines.run(machine, "date +%s")).trim();
  const code = (await machines.run(machine, `${started} >/dev/null 2>&1; echo $?`)).trim();
  if (code === "0") return;
  const journal = `journalctl -u ${UNIT} --since=@${begun} -n 12 --no-pager -o cat -t dump || true`;
  const said = (await machines.run(machine, journal)).trim();
  throw new Problem({
    happened:
      code === String(BUSY)
        ? `Another dump is being made or restored on ${machine.name}.`
        : `${words[0] === "restore" ? "The restore" : "The dump"} on ${machine.name} failed (exit ${code}).`,
    details: said === "" ? [] : said.split("\n"),
    left:
      words[0] === "restore"
        ? "No database was changed."
        : "Earlier dumps are as they were, and a repository that took the new ones has them.",
    todo: ["Put right what it says, then run the same command again."],
  });
}

/** @throws Problem (exit 2) where no dumps are made of any cluster. */
export function clusterWithDumps(topology: Topology): Cluster {
  const found = topology.clusters.find(({ dumps }) => dumps !== null);
  if (found) return found;
  throw new Problem({
    happened: `${topology.stack} makes no dumps.`,
    left: "Nothing was touched.",
    todo: [`Write phasewise:backup: {dumps: {}} into its file and run npx phasewise up ${topology.stack}.`],
    exitCode: 2,
  });
}
