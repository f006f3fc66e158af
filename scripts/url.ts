import type { Command } from "commander";
import type { SentinelConnection } from "../operations/connection.ts";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  showSecrets?: boolean;
  role: string;
  redis?: boolean;
}

/** Clients in the private network may ask the Sentinels themselves. */
function shownSentinel(
  { password, ...sentinel }: SentinelConnection & { password: string },
  { showSecrets }: Options,
): SentinelConnection & { password?: string } {
  return showSecrets ? { ...sentinel, password } : sentinel;
}

export function url(program: Command): void {
  program
    .command("url")
    .description("the connection string for applications; without --show-secrets its password is left out")
    .addArgument(stackArgument())
    .option("--show-secrets", "with the password")
    .option("--role <role>", "application, owner, readonly or monitor", "application")
    .option("--redis", "of the stack's Redis instead of its database")
    .option(
      "--json",
      "{url, host, port, database, user, caCertificate} as JSON on standard output, with --redis also {sentinel}",
    )
    .addHelpText(
      "after",
      '\nExamples:\n  DATABASE_URL="$(npx phasewise url dev --show-secrets)"\n  REDIS_URL="$(npx phasewise url dev --redis --show-secrets)"',
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const { cacheConnection, connection } = await import("../operations/connection.ts");
        const cache = options.redis ? await cacheConnection(stack, ctx) : null;
        const result = cache ?? (await connection(stack, options.role, ctx));
        const shown = {
          ...result.public,
          url: options.showSecrets ? result.secretUrl : result.public.url,
          ...(cache?.sentinel ? { sentinel: shownSentinel(cache.sentinel, options) } : {}),
        };
        if (options.json) printJson(shown);
        else print(shown.url);
        return 0;
      }),
    );
}
