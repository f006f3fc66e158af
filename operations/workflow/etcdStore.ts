import { setTimeout as sleep } from "node:timers/promises";
import { type Etcd, EtcdError } from "../../clients/etcd.ts";
import { Problem } from "../../toolchain/problem.ts";
import { type Journal, journalSchema } from "./journal.ts";
import type { HeldStore, WorkflowStore } from "./store.ts";

/** Beside Patroni's namespace, not in it. */
const JOURNAL = "/phasewise-operations/journal";
const LOCK = "/phasewise-operations/lock";

/** Seconds after which the lock of a holder that died ends by itself; it is renewed three times in that time. */
const LEASE_SECONDS = 15;

export interface EtcdStoreOptions {
  /** Calls `use` with the etcd of a machine that answers; tries the next machine where one does not. */
  reach<T>(use: (etcd: Etcd) => Promise<T>): Promise<T>;
  onLine(line: string): void;
  signal: AbortSignal;
  /** See placeName; only for callers that hold the stack's own lock there. */
  place?: string | null;
  /**
   * For how long no etcd at all may answer before the lock counts as lost, in milliseconds: where an operation reboots
   * the only one itself. Nobody else can take the lock meanwhile; whether it is still ours is asked afterwards.
   */
  outageMs?: number;
}

/** The store of a stack's workflows: two keys in the etcd of its cluster, reached from anywhere. */
export function etcdStore(options: EtcdStoreOptions): WorkflowStore {
  return {
    read: () => options.reach(readJournal),
    lock: async (holder) => {
      const lease = await options.reach((etcd) => etcd.grantLease(LEASE_SECONDS));
      try {
        return new EtcdLock(options, lease, await take(options, lease, lockText(holder, options.place)));
      } catch (error) {
        await options.reach((etcd) => etcd.revokeLease(lease)).catch(() => {});
        throw error;
      }
    },
  };
}

async function readJournal(etcd: Etcd): Promise<Journal | null> {
  const found = await etcd.get(JOURNAL);
  return found && journalSchema.parse(JSON.parse(found.value));
}

/** Who has the lock, for people, and from which place. */
function lockText(holder: string, place: string | null | undefined): string {
  return place ? `${holder}\n${place}` : holder;
}

function holderIn(text: string): { holder: string; place: string | undefined } {
  const [holder = "", place] = text.split("\n");
  return { holder, place };
}

/**
 * Puts the lock's key. Where another has it, it is watched for as long as its lease lasts: a dead holder's ends,
 * a living one's is renewed. One of this very place
 * is dead, or this process would not have come so far: its lock is broken at once.
 * @returns The revision at which it was put.
 */
async function take(options: EtcdStoreOptions, lease: string, text: string): Promise<string> {
  const { reach, signal, onLine } = options;
  let watched = null as { revision: string; left: number } | null;
  for (;;) {
    signal.throwIfAborted();
    await reach((etcd) => etcd.put(LOCK, text, [{ key: LOCK, absent: true }], lease));
    const found = await reach((etcd) => etcd.get(LOCK));
    if (found?.lease === lease) return found.revision;
    // Gone between two questions: try again at once.
    if (!found) continue;
    const { holder, place } = holderIn(found.value);
    if (options.place && place === options.place) {
      await reach((etcd) => etcd.put(LOCK, null, [{ key: LOCK, revision: found.revision }]));
      continue;
    }
    const left = found.lease === null ? 0 : await reach((etcd) => etcd.leaseSeconds(found.lease!));
    if (watched?.revision === found.revision && left > watched.left) throw locked(holder);
    if (watched?.revision !== found.revision) onLine(`waiting for the lock of ${holder} (${left} s) ...`);
    watched = { revision: found.revision, left };
    await reach((etcd) => etcd.keepLeaseAlive(lease));
    await sleep(1000);
  }
}

function locked(holder: string): Problem {
  return new Problem({
    happened: `Another operation is at work on this stack: ${holder}.`,
    left: "This command changed nothing.",
    todo: ["Wait until it has ended, then run this again."],
  });
}

class EtcdLock implements HeldStore {
  readonly #options: EtcdStoreOptions;
  readonly #lease: string;
  readonly #revision: string;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #goodUntil = Date.now() + LEASE_SECONDS * 1000;

  constructor(options: EtcdStoreOptions, lease: string, revision: string) {
    this.#options = options;
    this.#lease = lease;
    this.#revision = revision;
    this.#timer = setInterval(() => this.#renew(), (LEASE_SECONDS * 1000) / 3);
    this.#timer.unref();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async write(journal: Journal | null): Promise<void> {
    this.lost.throwIfAborted();
    const value = journal && JSON.stringify(journal);
    const held = [{ key: LOCK, revision: this.#revision }];
    if (!(await this.#options.reach((etcd) => etcd.put(JOURNAL, value, held)))) this.#lose();
    this.lost.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    // A lease that cannot be given back ends by itself.
    await this.#options.reach((etcd) => etcd.revokeLease(this.#lease)).catch(() => {});
  }

  async #renew(): Promise<void> {
    const asked = Date.now();
    try {
      const seconds = await this.#options.reach((etcd) => etcd.keepLeaseAlive(this.#lease));
      if (seconds <= 0) this.#lose();
      else this.#goodUntil = asked + seconds * 1000;
    } catch (error) {
      if (Date.now() >= this.#goodUntil + (this.#options.outageMs ?? 0)) this.#lose(error);
      else if (!(error instanceof EtcdError)) this.#options.onLine(`renewing the lock failed: ${error}`);
    }
  }

  #lose(cause?: unknown): void {
    clearInterval(this.#timer);
    this.#lost.abort(
      new Problem({
        happened: "The lock of this operation was lost: its etcd could not be reached for too long.",
        left: "What was finished is recorded; the running step may have happened in part.",
        todo: ["Run the same command again with --resume."],
        cause,
      }),
    );
  }
}
