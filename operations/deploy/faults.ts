import type { Fault } from "../../infra/config.ts";
import { Problem } from "../../toolchain/problem.ts";

/** All faults of a stack's file as one refusal, exit 2. */
export function faultProblem(stack: string, faults: Fault[], cause?: unknown): Problem {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return new Problem({
    happened: `stacks/Pulumi.${stack}.yaml has ${count}:`,
    details: faults.flatMap(({ path, found, allowed, fix }) => [
      path,
      `  found    ${found}`,
      `  allowed  ${allowed}`,
      `  fix      ${fix}`,
    ]),
    left: "Nothing was changed.",
    exitCode: 2,
    cause,
  });
}
