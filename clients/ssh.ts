import { attemptConnection, type FailedAttempt } from "./ssh/attempt.ts";
import { SshError, SshLost, sshFault } from "./ssh/errors.ts";
import { SshSession } from "./ssh/session.ts";
import { announce, type Visitor } from "./ssh/visitor.ts";

export { SshError, SshLost } from "./ssh/errors.ts";
export type { Tunnel } from "./ssh/session.ts";
export { SshSession };

/** How to reach one machine. Keys stay in memory: nothing of this is ever written to disk or put into argv. */
export interface SshTarget {
  host: string;
  port: number;
  user: string;
  /** OpenSSH private key. */
  privateKey: string;
  /** OpenSSH public keys ("ssh-ed25519 AAAA..."), any of which the machine may present; anything else is refused. */
  hostKeys: string[];
  /** Who comes, and for what: written into the machine's journal first. Only root may say it. */
  visitor?: Visitor;
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface ConnectOptions {
  signal?: AbortSignal;
  /** How long to go on trying, in milliseconds; 0 tries once. */
  deadlineMs?: number;
  /**
   * How long to go on with a machine that takes connections but is too busy to finish one, in milliseconds, if that
   * is longer; each attempt then takes twice the time of the one before.
   */
  busyMs?: number;
  /** How long the first attempt may take, in milliseconds; 10 s if left out. */
  attemptMs?: number;
  /**
   * How long a machine may refuse the key or show another host key before that is believed, in milliseconds; 15 s
   * if left out, since a machine that boots for the first time does both for a moment.
   */
  refusalMs?: number;
  /** Called before each new attempt with the whole seconds waited so far and why the last attempt failed. */
  onWait?: (seconds: number, reason: string) => void;
  /** Called where the machine's journal did not take the visitor's name; standard error if left out. */
  onUnrecorded?: (line: string) => void;
}

const DEFAULT_DEADLINE_MS = 30_000;
const DEFAULT_ATTEMPT_MS = 10_000;
const DEFAULT_REFUSAL_MS = 15_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Connects, again and again until the machine answers. Throws `SshError` with what was tried and what to do, or
 * the signal's reason.
 */
export async function connect(target: SshTarget, options: ConnectOptions = {}): Promise<SshSession> {
  const { signal, deadlineMs = DEFAULT_DEADLINE_MS, refusalMs = DEFAULT_REFUSAL_MS, onWait } = options;
  const begin = Date.now();
  const waited = () => Date.now() - begin;
  const { attemptMs = DEFAULT_ATTEMPT_MS, busyMs = 0 } = options;
  let refusedSince: number | null = null;
  let patience = attemptMs;
  for (let tries = 1, pause = FIRST_PAUSE_MS; ; tries++, pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted();
    const attempt = await attemptSession(target, patience, options);
    if (attempt instanceof SshSession) return attempt;
    refusedSince = attempt.kind === "unreachable" ? null : (refusedSince ?? waited());
    const refused = refusedSince !== null && waited() - refusedSince >= refusalMs;
    const limit = attempt.answered ? Math.max(deadlineMs, busyMs) : deadlineMs;
    if (attempt.kind === "fatal" || refused || waited() + pause >= limit) {
      throw failure(target, attempt, tries, waited());
    }
    onWait?.(Math.floor(waited() / 1000), attempt.reason);
    if (attempt.answered && waited() < busyMs)
      patience = Math.max(attemptMs, Math.min(patience * 2, busyMs - waited()));
    await sleep(pause, signal);
  }
}

/** A session that the machine's journal knows of, or why there is none. */
async function attemptSession(
  target: SshTarget,
  attemptMs: number,
  { signal, onUnrecorded }: ConnectOptions,
): Promise<SshSession | FailedAttempt> {
  const attempt = await attemptConnection(target, attemptMs, signal);
  if (attempt.client === undefined) return attempt;
  const session = new SshSession(attempt.client, target);
  if (target.visitor === undefined) return session;
  try {
    const reason = await announce(session, target.visitor, signal);
    if (reason !== null) {
      const line = `warning: the journal of ${target.host} did not take who came: ${reason}`;
      (onUnrecorded ?? ((text) => process.stderr.write(`${text}\n`)))(line);
    }
    return session;
  } catch (error) {
    session.close();
    if (!(error instanceof SshLost)) throw error;
    return { kind: "unreachable", reason: "the connection was lost", answered: true };
  }
}

/** Connects, calls `use` and closes the session however that ends. */
export async function withSession<T>(
  target: SshTarget,
  options: ConnectOptions,
  use: (session: SshSession) => Promise<T>,
): Promise<T> {
  const session = await connect(target, options);
  try {
    return await use(session);
  } finally {
    session.close();
  }
}

function failure(target: SshTarget, attempt: FailedAttempt, tries: number, waitedMs: number): SshError {
  return new SshError(
    sshFault({ target, kind: attempt.kind, reason: attempt.reason, tries, waitedMs }),
    attempt.kind,
    attempt.answered,
  );
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
