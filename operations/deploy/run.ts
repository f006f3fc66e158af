import type { EngineEvent, PulumiFn, Stack } from "@pulumi/pulumi/automation/index.js";
import { Problem } from "../../toolchain/problem.ts";
import { interrupted, type OperationContext } from "../context.ts";
import { type Changes, changesOf, outputsOf } from "./changes.ts";
import { EngineError } from "./engine.ts";
import { parseLocks, withEngineLock } from "./engineLock.ts";
import { deployProblem, failuresOf } from "./failure.ts";
import { Progress } from "./progress.ts";
import { type Deployment, openStack } from "./workspace.ts";

/** `drift` asks everything how it is and writes nothing down. */
export type EngineCommand = "up" | "preview" | "destroy" | "drift";

export interface RunReport {
  changes: Changes;
  /** The stack's outputs; secrets are masked. */
  outputs: Record<string, unknown>;
  events: EngineEvent[];
}

export interface RunOptions {
  /** Tells no progress. */
  quiet?: boolean;
  /** URNs; nothing else is touched. */
  targets?: string[];
  /** Asks everything how it is first, so that what was changed by hand is put right. */
  refresh?: boolean;
}

/** More than the engine's default of four a core: most of our steps wait for machines, not for this one. */
const parallel = 32;

/**
 * Runs one command of the engine with progress for people.
 * @throws Problem: what failed and what was recorded; exit code 130 where it was interrupted.
 */
export async function runCommand(
  deployment: Deployment,
  command: EngineCommand,
  program: PulumiFn,
  ctx: OperationContext,
  options: RunOptions = {},
): Promise<RunReport> {
  const captured: { error?: unknown } = {};
  const stack = await openStack(deployment, capturing(program, captured));
  return await withEngineLock(deployment, ctx.onLine, async () => {
    const events: EngineEvent[] = [];
    const stop = follow(events, command === "preview", options.quiet ? () => {} : ctx.onLine);
    try {
      await start(stack, command, options, (event) => stop.event(event), ctx.signal);
    } catch (error) {
      if (error instanceof EngineError && parseLocks(error.stderr + error.stdout)) throw error;
      throw problemOf({ deployment, command, events, error, captured, signal: ctx.signal });
    } finally {
      stop.end();
    }
    return { changes: changesOf(events), outputs: outputsOf(events), events };
  });
}

async function start(
  stack: Stack,
  command: EngineCommand,
  { targets, refresh = false }: RunOptions,
  onEvent: (event: EngineEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const options = {
    onEvent,
    signal,
    parallel,
    color: "never",
    suppressProgress: true,
    suppressOutputs: true,
  } as const;
  const looking = refresh ? { refresh } : {};
  if (command === "up") await stack.up({ ...options, ...looking, ...(targets ? { target: targets } : {}) });
  else if (command === "preview") await stack.preview({ ...options, ...looking });
  else if (command === "drift") await stack.previewRefresh(options);
  else await stack.destroy(options);
}

/** Keeps the program's own error: the engine passes on only its text. */
function capturing(program: PulumiFn, captured: { error?: unknown }): PulumiFn {
  return async () => {
    try {
      return await program();
    } catch (error) {
      captured.error = error;
      throw error;
    }
  };
}

function follow(events: EngineEvent[], planned: boolean, onLine: (line: string) => void) {
  const progress = new Progress(planned);
  const print = (lines: string[]) => lines.forEach(onLine);
  const timer = setInterval(() => print(progress.tick(Date.now())), 500);
  timer.unref();
  return {
    event(event: EngineEvent) {
      if (event.diagnosticEvent?.severity === ("debug" as string)) return;
      events.push(event);
      print(progress.event(event, Date.now()));
    },
    end() {
      clearInterval(timer);
      print(progress.tick(Date.now()));
    },
  };
}

function problemOf(args: {
  deployment: Deployment;
  command: EngineCommand;
  events: EngineEvent[];
  error: unknown;
  captured: { error?: unknown };
  signal: AbortSignal;
}): unknown {
  const { command, events, error, captured } = args;
  const { stack } = args.deployment.file;
  if (captured.error instanceof Problem) return captured.error;
  if (!(error instanceof EngineError)) return error;
  const failures = failuresOf(events);
  const finished = events.filter(({ resOutputsEvent: end }) => end && isChange(end.metadata.op)).length;
  if (args.signal.aborted) {
    return interrupted(
      `${finished} resource${finished === 1 ? " was" : "s were"} finished and recorded.`,
      `Run \`npx phasewise ${command} ${stack}\` again: it goes on where it stopped.`,
    );
  }
  const fallback = error.stderr || error.stdout;
  const problem = deployProblem({ command, stack, failures, finished, fallback, code: error.code });
  problem.cause = captured.error ?? error;
  return problem;
}

function isChange(op: string): boolean {
  return op !== "same" && op !== "read" && op !== "refresh";
}
