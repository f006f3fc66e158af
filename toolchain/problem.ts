export type ExitCode = 1 | 2 | 130;

/** 1: it failed. 2: it was asked for something that cannot be. 130: it was interrupted. */
export interface ProblemArgs {
  /** What happened, as one or more sentences. */
  happened: string;
  /** What was not changed, or what was left behind. */
  left?: string;
  /** What the operator can do about it, one line each. */
  todo?: string[];
  /** Lines that explain it, as the last lines of a journal. */
  details?: string[];
  exitCode?: ExitCode;
  cause?: unknown;
}

/** A failure told to people: what happened, what was left as it was, what to do. */
export class Problem extends Error {
  readonly happened: string;
  readonly left: string | undefined;
  readonly todo: string[];
  readonly details: string[];
  readonly exitCode: ExitCode;

  constructor(args: ProblemArgs) {
    super(args.happened, args.cause === undefined ? undefined : { cause: args.cause });
    this.name = "Problem";
    this.happened = args.happened;
    this.left = args.left;
    this.todo = args.todo ?? [];
    this.details = args.details ?? [];
    this.exitCode = args.exitCode ?? 1;
  }
}

/** The text of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
