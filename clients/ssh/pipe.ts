import { once } from "node:events";
import type { ClientChannel } from "ssh2";
import { SshLost } from "./errors.ts";
import type { SshSession } from "./session.ts";

/** A command on one machine. */
export interface PipeEnd {
  session: SshSession;
  command: string;
}

export interface PipeOptions {
  /** What the taker reads before. */
  before: string;
  /** What it reads after all of it, where the giver ended with 0, and only there. */
  after: string;
  signal: AbortSignal;
  /** Called with the bytes that went over so far. */
  onBytes?: (bytes: number) => void;
}

interface Ended {
  code: number;
  stderr: string;
}

export interface PipeResult {
  /** Null where the taker ended first. */
  giver: Ended | null;
  taker: Ended & { stdout: string };
  bytes: number;
}

/**
 * Joins the output of a command on one machine to the input of a command on another, through this process, and no
 * faster than the slower of the two. Whatever goes wrong on the way, the taker's input ends without `after`.
 * @throws SshLost where a connection breaks; the signal's reason.
 */
export async function pipeBetween(giver: PipeEnd, taker: PipeEnd, options: PipeOptions): Promise<PipeResult> {
  const { after, before, onBytes, signal } = options;
  const open: ClientChannel[] = [];
  const stop = () => open.forEach((channel) => void channel.close());
  const start = async ({ session, command }: PipeEnd, read: boolean) => {
    signal.throwIfAborted();
    const started = await session.channel(command, (channel) => ({
      channel,
      ended: ended(channel),
      stdout: read ? collected(channel) : () => "",
    }));
    open.push(started.channel);
    signal.throwIfAborted();
    return started;
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    const to = await start(taker, true);
    to.channel.write(before);
    const from = await start(giver, false);
    const bytes = await flow(from.channel, to.channel, to.ended, onBytes);
    const given = bytes === null ? null : await from.ended;
    if (given !== null) to.channel.end(given.code === 0 ? after : undefined);
    const taken = await to.ended;
    return { giver: given, taker: { ...taken, stdout: to.stdout() }, bytes: bytes ?? 0 };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** The bytes that went over; null where the taker ended before the giver. */
async function flow(
  from: ClientChannel,
  to: ClientChannel,
  taken: Promise<unknown>,
  onBytes: ((bytes: number) => void) | undefined,
): Promise<number | null> {
  let gone = false;
  const leave = () => {
    gone = true;
  };
  const end = taken.then(leave, leave);
  let bytes = 0;
  // Its exit code comes after its last byte: the channel is not closed at its end, as an iterator does else.
  const chunks: AsyncIterable<Buffer> = from.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) {
    if (gone) return null;
    bytes += chunk.length;
    onBytes?.(bytes);
    if (!to.write(chunk)) await Promise.race([once(to, "drain"), end]);
  }
  return gone ? null : bytes;
}

/** How a command ended. Without an exit code the connection broke before. */
function ended(channel: ClientChannel): Promise<Ended> {
  let stderr = "";
  let code: number | null = null;
  channel.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  channel.once("exit", (exit: number | null) => {
    code = exit ?? 128;
  });
  // A command that ends without reading its input closes it under our hands; its exit code tells why.
  channel.on("error", () => undefined);
  const result = new Promise<Ended>((resolve, reject) => {
    channel.once("close", () =>
      code === null ? reject(new SshLost("an SSH connection was lost")) : resolve({ code, stderr }),
    );
  });
  // It is asked for late, or never where the other end fails first.
  result.catch(() => undefined);
  return result;
}

function collected(channel: ClientChannel): () => string {
  let stdout = "";
  channel.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  return () => stdout;
}
