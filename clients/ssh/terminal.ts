import type { Client, ClientChannel } from "ssh2";

/**
 * Joins this process's standard streams to a shell, or to a command, on the other machine; a terminal gets a
 * terminal there, which follows its size. Resolves with the exit code.
 */
export async function attachTerminal(client: Client, command: string | null): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const terminal =
    stdin.isTTY && stdout.isTTY ? { ...sizeOf(stdout), term: process.env.TERM ?? "xterm" } : null;
  const { channel, exit } = await open(client, command, terminal);
  const resize = () => {
    const { rows, cols, height, width } = sizeOf(stdout);
    channel.setWindow(rows, cols, height, width);
  };
  if (terminal) {
    stdin.setRawMode(true);
    stdout.on("resize", resize);
  }
  try {
    stdin.pipe(channel);
    channel.pipe(stdout, { end: false });
    channel.stderr.pipe(stderr, { end: false });
    return await exit;
  } finally {
    stdin.unpipe(channel);
    stdin.pause();
    stdout.off("resize", resize);
    if (terminal) stdin.setRawMode(false);
  }
}

interface Size {
  rows: number;
  cols: number;
  /** Pixels; nobody knows them here. */
  height: number;
  width: number;
}

function sizeOf(stdout: NodeJS.WriteStream): Size {
  return { rows: stdout.rows ?? 24, cols: stdout.columns ?? 80, height: 0, width: 0 };
}

interface Running {
  channel: ClientChannel;
  /** The exit code. */
  exit: Promise<number>;
}

function open(
  client: Client,
  command: string | null,
  terminal: (Size & { term: string }) | null,
): Promise<Running> {
  return new Promise((resolve, reject) => {
    // Listened for at once: the end of a quick command may come in the same packet as its beginning.
    const done = (error: Error | undefined, channel: ClientChannel) =>
      error ? reject(error) : resolve({ channel, exit: exitOf(channel) });
    if (command === null) client.shell(terminal ?? false, done);
    else if (terminal) client.exec(command, { pty: terminal }, done);
    else client.exec(command, done);
  });
}

function exitOf(channel: ClientChannel): Promise<number> {
  return new Promise((resolve) => {
    let code = 255;
    channel.once("exit", (exit: number | null) => {
      code = exit ?? 255;
    });
    channel.once("close", () => resolve(code));
  });
}
