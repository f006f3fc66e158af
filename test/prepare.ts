/**
 * What tests with real machines and a real engine need of this host: Debian packages, psql, the Pulumi CLI. All of it
 * is kept by the machine, so that only the first run takes minutes.
 */
import { existsSync } from "node:fs";
import { missingHostPackages } from "../cloud/hostPackages.ts";
import { installHostPackages } from "../toolchain/hostPackages.ts";
import { ensurePulumi } from "../toolchain/pulumi/ensure.ts";

const onLine = (line: string): void => void process.stderr.write(`${line}\n`);

/** Run by vitest before the projects `cloud` and `e2e`, and by `npm test` before all of them. */
export async function setup(): Promise<void> {
  const client = existsSync("/usr/bin/psql") ? [] : ["postgresql-client"];
  const missing = [...(await missingHostPackages()), ...client];
  await installHostPackages({ missing, purpose: "the tests", onLine });
  await ensurePulumi({ onLine });
}

if (import.meta.main) await setup();
