import type { ConvergerEvent, Facts, PendingRestart, Result } from "../../../clients/converger/events.ts";
import { failureText } from "../../../clients/converger/failure.ts";
import { type Payload, type RunOptions, runConverger } from "../../../clients/converger.ts";
import type { SshKeyPair } from "../../../clients/ssh/keys.ts";
import { visitorOf } from "../../../clients/ssh/visitor.ts";
import { SshError, type SshTarget } from "../../../clients/ssh.ts";
import { propertyDiff } from "../../server/diff.ts";
import { type Context, type Properties, type ResourceType, UNKNOWN } from "../../server/resource.ts";
import { unwrap } from "../../server/values.ts";
import { notKnown } from "../notKnown.ts";
import { asFound } from "./drift.ts";
import { derivedHostKey, publicPart } from "./hostKey.ts";
import { checkInputs, type HostInputs, plainInputs } from "./inputs.ts";
import { restore } from "./shape.ts";

/** For all that a first converge may take where packages have to be fetched. */
const DEADLINE_SECONDS = 900;

type Contact = Pick<RunOptions, "busySeconds" | "connectSeconds" | "firstBoot">;

/** A machine that has just been ordered boots; one that is there answers. */
const FIRST_CONTACT: Contact = { connectSeconds: 300, firstBoot: true };
const LATER_CONTACT: Contact = { connectSeconds: 30, busySeconds: 120, firstBoot: false };
/** A look at a machine that is down is not waited for; one that is busy answers late. */
const LOOK: Contact = { connectSeconds: 10, busySeconds: 60, firstBoot: false };

/** What a Host puts out. */
export interface HostOutputs {
  /** The pinned public key of the machine. */
  hostKey: string;
  /** Units that run with an older configuration until `rollout` restarts them. */
  pending: PendingRestart[];
  facts: Facts;
}

/**
 * One machine, brought to its manifest by the converger that runs there.
 *
 * `delete` leaves the machine as it is: it is about to go with its server, and a state that forgets a machine
 * must not stop a database on it. Another `machineId` (a server that was replaced) replaces the Host, and only
 * then its first-boot host key is trusted again.
 */
export const host: ResourceType = {
  token: "phasewise-native:index:Host",

  async check(_ctx, { news }) {
    return checkInputs(news);
  },

  async diff(_ctx, { oldInputs, newInputs }) {
    return propertyDiff({
      olds: oldInputs,
      news: newInputs,
      forcesReplacement: (path) => path === "machineId",
    });
  },

  async create(ctx, { inputs, preview }) {
    if (preview) return { id: "", outputs: { hostKey: UNKNOWN, pending: UNKNOWN, facts: UNKNOWN } };
    const wanted = plainInputs(inputs);
    const key = derivedHostKey(wanted.connection.privateKey, wanted.bootstrapHostKey);
    const target = targetOf(wanted, [key.publicKey, publicPart(wanted.bootstrapHostKey)]);
    const result = await run(ctx, wanted, target, key, FIRST_CONTACT);
    return { id: wanted.manifest.hostname, outputs: outputsOf(result, key.publicKey) };
  },

  async update(ctx, { oldInputs, oldOutputs, newInputs, preview }) {
    const outputs = unwrap(oldOutputs) as unknown as HostOutputs;
    if (preview) return { outputs: { ...outputs, pending: UNKNOWN } };
    const olds = plainInputs(oldInputs);
    const wanted = plainInputs(newInputs);
    const keys = [wanted, olds].map((one) => derivedHostKey(one.connection.privateKey, one.bootstrapHostKey));
    const key = keys.find((candidate) => candidate.publicKey === outputs.hostKey) ?? null;
    const result = await withEitherKey(olds, wanted, (privateKey) => {
      const target = { ...targetOf(wanted, [outputs.hostKey]), privateKey };
      return run(ctx, wanted, target, key, LATER_CONTACT);
    });
    return { outputs: outputsOf(result, outputs.hostKey) };
  },

  async read(ctx, { id, inputs, outputs }) {
    if (inputs === null || outputs === null) {
      throw new Error(
        `A Host cannot be imported: the id ${id} says nothing about how to reach the machine. Nothing was changed. ` +
          "Declare the Host instead: its first converge takes over what is there already.",
      );
    }
    const wanted = plainInputs(inputs);
    const old = unwrap(outputs) as unknown as HostOutputs;
    const payload = payloadOf(wanted, "check", null, ctx);
    const options = { ...optionsOf(ctx, LOOK), onEvent: () => undefined };
    try {
      const result = await runConverger(targetOf(wanted, [old.hostKey]), payload, options);
      if (!result.ok) throw new Error(failureText(wanted.manifest.hostname, result));
      for (const line of unansweredLines(wanted.manifest.hostname, result)) ctx.log("warning", line);
      const manifest = asFound(wanted.manifest, result.differences);
      return { id, inputs: { ...inputs, manifest }, outputs: outputsOf(result, old.hostKey) };
    } catch (error) {
      return notLookedAt({ id, inputs, outputs }, error, (line) => ctx.log("warning", line));
    }
  },

  async delete() {},
};

/**
 * What a refresh keeps of a machine that gave no answer. One that runs and is too busy is no drift: it is kept as it
 * was. One that is down is not as it was declared, and the next update brings it back or says why it cannot.
 * @throws Whatever else it was.
 */
export function notLookedAt(
  { id, inputs, outputs }: { id: string; inputs: Properties; outputs: Properties },
  error: unknown,
  warn: (line: string) => void,
): { id: string; inputs: Properties; outputs: Properties } {
  if (!(error instanceof SshError) || error.kind !== "unreachable") throw error;
  const line = error.message.split("\n")[0] ?? "";
  const { manifest } = plainInputs(inputs);
  if (!error.answered) {
    warn(line);
    return { id, inputs: { ...inputs, manifest: { ...manifest, found: ["not reachable"] } }, outputs };
  }
  warn(notKnown(`${manifest.hostname} is too busy to be looked at, and taken to be as it was: ${line}`));
  return { id, inputs, outputs };
}

/** What is said of probes that came to no answer: they are no drift either. */
export function unansweredLines(hostname: string, { unanswered }: Pick<Result, "unanswered">): string[] {
  return unanswered.map(({ kind, name, role }) => {
    const place = role === null ? hostname : `${hostname}: ${role}`;
    const what = kind === "step" ? "step" : "probe";
    return notKnown(
      `${place}: "${name}" could not be looked at in time, and the ${what} is taken to be as it was.`,
    );
  });
}

async function run(
  ctx: Context,
  wanted: HostInputs,
  target: SshTarget,
  key: SshKeyPair | null,
  contact: Contact,
): Promise<Result> {
  const result = await runConverger(target, payloadOf(wanted, "converge", key, ctx), optionsOf(ctx, contact));
  if (!result.ok) throw new Error(failureText(wanted.manifest.hostname, result));
  return result;
}

/** When the operator's key changes, the machine still expects the old one until this converge has exchanged it. */
async function withEitherKey<T>(
  olds: HostInputs,
  news: HostInputs,
  attempt: (privateKey: string) => Promise<T>,
): Promise<T> {
  const [old, now] = [olds.connection.privateKey, news.connection.privateKey];
  if (old === now) return attempt(now);
  try {
    return await attempt(now);
  } catch (error) {
    if (!(error instanceof SshError) || error.kind !== "refused") throw error;
    return attempt(old);
  }
}

function targetOf(wanted: HostInputs, hostKeys: string[]): SshTarget {
  return { ...wanted.connection, hostKeys, visitor: visitorOf() };
}

function payloadOf(
  wanted: HostInputs,
  mode: Payload["mode"],
  hostKey: SshKeyPair | null,
  ctx: Context,
): Payload {
  const deadlineSeconds = ctx.timeoutSeconds || wanted.deadlineSeconds || DEADLINE_SECONDS;
  return { mode, manifest: restore(wanted.manifest), secrets: wanted.secrets, hostKey, deadlineSeconds };
}

function optionsOf(ctx: Context, contact: Contact): RunOptions {
  return {
    signal: ctx.signal,
    ...contact,
    onEvent: (event) => show(ctx, event),
    onWait: (line) => ctx.status(line),
  };
}

function show(ctx: Context, event: ConvergerEvent): void {
  if (event.event === "unit" && event.attached) ctx.status("attached to the run that is under way");
  if (event.event === "progress") ctx.status(prefixed(event.role, event.message));
  if (event.event === "changed") ctx.status(prefixed(event.role, `${event.name}: ${event.what}`));
  if (event.event === "notice") ctx.log("warning", prefixed(event.role, event.message));
}

function prefixed(role: string | null, message: string): string {
  return role === null ? message : `${role}: ${message}`;
}

function outputsOf(result: Result, hostKey: string): Properties {
  if (result.facts === undefined) throw new Error("the converger gave no facts about the machine");
  return { hostKey, pending: result.pending, facts: result.facts };
}
