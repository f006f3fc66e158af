import type { OperationContext } from "../operations/context.ts";
import { print, printJson, printLine } from "./output.ts";
import { ask, requireTerminal } from "./run.ts";

/** What `restore --cache` is given beside the cache. */
export interface CacheFlags {
  json?: boolean;
  repository?: number;
  to?: string;
  yes?: boolean;
}

export async function restoreCache(
  stack: string,
  cache: string,
  { json, repository, to = "latest", yes }: CacheFlags,
  ctx: OperationContext,
): Promise<number> {
  if (!yes) requireTerminal(`npx phasewise restore ${stack} --cache ${cache}`);
  const { restoreCache: restore } = await import("../operations/cacheBackups/restore.ts");
  const report = await restore(
    stack,
    cache,
    {
      to,
      repository,
      confirm: async ({ bytes, madeAt }) => {
        printLine(`${cache} gets the data of ${madeAt} (${bytes} bytes stored) in the place of its own.`);
        printLine("Redis restarts once, and closes its connections; the data of now is kept aside.");
        return yes || (await ask("Go on?"));
      },
    },
    ctx,
  );
  if (json) {
    printJson(report);
    return 0;
  }
  const { backup, kept, keys, seconds } = report;
  const from = report.repository === 1 ? "" : ` out of repository ${report.repository}`;
  print(`${cache} is restored to ${backup.madeAt}${from} in ${seconds} s: ${keys} keys.`);
  print(`The data of before is kept on ${kept.machine}; to be rid of it:`);
  print(`  npx phasewise ssh ${stack} ${kept.machine} -- rm -r ${kept.path}`);
  return 0;
}
