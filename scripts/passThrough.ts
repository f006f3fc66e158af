/** Commands that hand everything after `--` to another program. */
const passing = ["psql", "ssh", "scratch", "guard"];

let kept: string[] = [];

/** Takes what stands after `--` out of the arguments of a command that hands it on. */
export function splitPassThrough(args: string[]): string[] {
  const cut = args.indexOf("--");
  if (cut < 0 || !passing.includes(args[0] ?? "")) return args;
  kept = args.slice(cut + 1);
  return args.slice(0, cut);
}

/** What stood after `--`. */
export function passedThrough(): string[] {
  return kept;
}
