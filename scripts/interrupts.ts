import { printLine } from "./output.ts";

/** Interrupts that come this near to each other (milliseconds) are one: npm and a terminal both pass it on. */
const same = 400;

export interface Interrupts {
  signal: AbortSignal;
  stop(): void;
}

/**
 * The first Ctrl-C asks the work to finish or record what is under way; a second one ends at once. The same when
 * the process that started this one is gone, however it went.
 */
export function catchInterrupts(): Interrupts {
  const controller = new AbortController();
  let first = 0;
  const interrupt = () => {
    const now = Date.now();
    if (first === 0) {
      first = now;
      printLine(
        "Interrupted: finishing what is under way. Ctrl-C again stops at once; the next `up` then cleans up.",
      );
      controller.abort();
    } else if (now - first > same) {
      process.exit(130);
    }
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, interrupt);
  if (process.channel) {
    process.on("disconnect", interrupt);
    process.channel.unref();
  }
  return {
    signal: controller.signal,
    stop: () => {
      for (const signal of signals) process.off(signal, interrupt);
      process.off("disconnect", interrupt);
    },
  };
}

/** For commands under which another program has the terminal: it alone hears Ctrl-C. */
export function leaveInterrupts(): Interrupts {
  const ignore = () => {};
  process.on("SIGINT", ignore);
  if (process.channel) {
    process.on("disconnect", ignore);
    process.channel.unref();
  }
  return { signal: new AbortController().signal, stop: () => process.off("SIGINT", ignore) };
}
