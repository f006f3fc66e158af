import { renameSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { isLock, tryLock } from "../../toolchain/lock.ts";
import { LedgerWriter, removeOldSegments } from "./ledger.ts";
import { Load, type LoadSettings } from "./load.ts";
import { emptyTally, type Tally, withWaits } from "./tally.ts";

/**
 * The canary that is left on: a process of its own on the operator's machine, so that what it knows survives the
 * stack. It reads its settings, passwords among them, from standard input, and ends with SIGTERM.
 */
export interface StandingSettings {
  load: Omit<LoadSettings, "run">;
  /** Segments of the run are named after it. */
  run: string;
  lock: string;
  ledger: string;
  status: string;
}

/** A run's rows are swept out of the database after seven days: before that it begins a new segment. */
const SEGMENT_MS = 3600_000;
const KEPT_MS = 6 * 86_400_000;
const STATUS_EVERY_MS = 1000;

const settings = JSON.parse(await text(process.stdin)) as StandingSettings;
const lock = await tryLock(settings.lock, "canary");
if (!isLock(lock)) process.exit(3);
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
process.on("SIGINT", () => stop.abort());
let tally = emptyTally(new Date());
write(tally);
while (!stop.signal.aborted) tally = await oneSegment(tally);
write(tally);
process.exit(0);

async function oneSegment(before: Tally): Promise<Tally> {
  removeOldSegments(settings.ledger, new Date(Date.now() - KEPT_MS));
  const segment = `${Date.now()}-${process.pid}`;
  const ledger = new LedgerWriter(settings.ledger, segment);
  const load = new Load({ ...settings.load, run: `${settings.run}/${segment}` }, ledger);
  let now = before;
  const look = () => {
    const { errors, reads, samples, waits } = load.report;
    now = {
      ...withWaits(now, waits.splice(0)),
      reads: before.reads + reads,
      errors: before.errors + errors,
      samples: [...before.samples, ...samples].slice(-5),
    };
    write(now);
  };
  const timer = setInterval(look, STATUS_EVERY_MS);
  const turn = setTimeout(() => load.stop(), SEGMENT_MS);
  const end = () => load.stop();
  stop.signal.addEventListener("abort", end, { once: true });
  await load.run();
  stop.signal.removeEventListener("abort", end);
  clearInterval(timer);
  clearTimeout(turn);
  look();
  ledger.close();
  return now;
}

function write(status: Tally): void {
  writeFileSync(`${settings.status}.part`, JSON.stringify(status), { mode: 0o600 });
  renameSync(`${settings.status}.part`, settings.status);
}
