import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withSession } from "../../clients/ssh.ts";
import type { Stack } from "../e2e/stack.ts";
import { withBareMachine } from "./bareMachine.ts";

/**
 * The same machine booted, and PostgreSQL initialised on a volume, by a plain shell script: what `up` cannot beat.
 * Leaves nothing behind.
 */
export async function shellScriptFloor(stack: Stack): Promise<void> {
  const script = readFileSync(join(import.meta.dirname, "floor.sh"), "utf8");
  await withBareMachine(stack, ({ target, device }) =>
    withSession(target, { deadlineMs: 60_000 }, async (session) => {
      const result = await session.exec(`sh -s ${device}`, { stdin: script });
      if (result.code !== 0) throw new Error(`floor.sh: ${result.stderr}`);
    }),
  );
}
