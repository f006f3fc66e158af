import { messageOf, Problem } from "../../toolchain/problem.ts";
import { isUnreachable } from "../machines.ts";
import type { Check, CheckResult, VerifyReport, World } from "./check.ts";
import { checks } from "./checks.ts";
import { withRunbook } from "./runbook.ts";

/** How long one check may take (milliseconds). */
const patience = 30_000;

/** Asks everything at the same time; a check that cannot be made has failed. */
export async function verify(world: World, list: readonly Check[] = checks): Promise<VerifyReport> {
  const results = await Promise.all(list.map((check) => perform(check, world)));
  return { ok: results.every((result) => result.ok), checks: results };
}

async function perform(check: Check, world: World): Promise<CheckResult> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${patience / 1000} s`)), patience).unref();
  });
  try {
    return { name: check.name, ...(await Promise.race([check.run(world), late])) };
  } catch (error) {
    const { stack } = world.topology;
    return {
      name: check.name,
      ok: false,
      detail: `could not be checked: ${messageOf(error).split("\n")[0]}`,
      fix: fixOf(error, stack),
    };
  }
}

function fixOf(error: unknown, stack: string): string {
  if (error instanceof Problem && error.todo.length > 0) return error.todo.join("; ");
  const look = `npx phasewise status ${stack} shows what runs; npx phasewise logs ${stack} shows what it says`;
  return isUnreachable(error) ? withRunbook(look, "machine-lost") : look;
}
