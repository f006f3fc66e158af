import { Server, ServerCredentials } from "@grpc/grpc-js";
import { EngineLog } from "./engine.ts";
import { errorText } from "./errors.ts";
import { Operations } from "./operations.ts";
import { providergrpc } from "./proto.ts";
import { Redactor } from "./redact.ts";
import type { Plugin } from "./resource.ts";
import { service } from "./service.ts";
import type { Session } from "./session.ts";

/** The engine's own limit for a message, in bytes (Pulumi's sdk/go/common/util/rpcutil). */
const MESSAGE_LIMIT = 400 * 1024 * 1024;
/** How often to look whether the engine still lives, and how long running operations may then go on, in ms. */
const WATCH = 1_000;
const ORPHAN_GRACE = 10_000;

/**
 * Serves `plugin` to the Pulumi engine that started this process: prints the port on stdout and resolves when it
 * listens. The process ends with the engine, also with one that was killed.
 */
export async function serve(plugin: Plugin): Promise<void> {
  const session: Session = {
    plugin,
    engine: new EngineLog(),
    operations: new Operations(),
    redactor: new Redactor(),
  };
  const address = engineAddress(process.argv.slice(2));
  if (address !== null) session.engine.connect(address);
  catchStrays(session);
  const port = await listen(session);
  endWithEngine(session);
  // The engine reads the first line of stdout as the port; nothing else may be printed there.
  process.stdout.write(`${port}\n`);
}

/** Binds a free port of the loopback interface. */
export async function listen(session: Session): Promise<number> {
  const server = new Server({
    "grpc.max_receive_message_length": MESSAGE_LIMIT,
    "grpc.max_send_message_length": MESSAGE_LIMIT,
  });
  server.addService(providergrpc.ResourceProviderService, service(session));
  return await new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

/** The engine's address among its arguments: it may put `-v=9`, `--logtostderr` and `--tracing <url>` before it. */
export function engineAddress(args: readonly string[]): string | null {
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === "--tracing") index++;
    else if (!arg.startsWith("-")) return arg;
  }
  return null;
}

/** What no promise of an operation carries is shown and fails the operations that it concerns. */
function catchStrays(session: Session): void {
  const stray = (error: unknown): void => {
    const text = error instanceof Error && error.stack !== undefined ? error.stack : errorText(error);
    session.engine.log("debug", session.redactor.redact(text), "", false);
    session.operations.stray(error);
  };
  process.on("uncaughtException", stray);
  process.on("unhandledRejection", stray);
}

function endWithEngine(session: Session): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    // An orphan gets another parent: its engine died without a word and reads no answer any more.
    if (process.ppid !== parent) void end(session, watch);
  }, WATCH);
  watch.unref();
  process.once("SIGINT", () => void end(session, watch));
  process.once("SIGTERM", () => void end(session, watch));
}

async function end(session: Session, watch: NodeJS.Timeout): Promise<never> {
  clearInterval(watch);
  session.operations.cancel();
  const grace = new Promise<void>((resolve) => setTimeout(resolve, ORPHAN_GRACE));
  await Promise.race([session.operations.idle(), grace]);
  try {
    await session.plugin.close?.();
  } catch (error) {
    process.stderr.write(`${session.redactor.redact(errorText(error))}\n`);
    process.exit(1);
  }
  process.exit(0);
}
