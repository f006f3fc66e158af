import { isLock, type Lock, tryLock } from "../../toolchain/lock.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";

/**
 * Takes the right to change a stack from this checkout. Nobody else's command does so meanwhile.
 * @throws Problem that names who has it.
 */
export async function lockStack(stack: string, command: string): Promise<Lock> {
  const result = await tryLock(`${dataFolder()}#stack#${stack}`, `${command} ${stack}`);
  if (isLock(result)) return result;
  const since = result.since ? `, since ${result.since.slice(11, 19)} UTC` : "";
  throw new Problem({
    happened: `Another command is working on ${stack}: \`${result.purpose}\` (process ${result.pid}${since}).`,
    left: "This command changed nothing.",
    todo: ["Wait until it has ended, then run this again.", `Or interrupt it: kill -INT ${result.pid}`],
  });
}
