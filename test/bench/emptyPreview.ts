import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { locatePulumi } from "../../toolchain/pulumi/locate.ts";
import { pulumiVersion } from "../../toolchain/pulumi/version.ts";

/** The CLI that the commands use. */
export async function pulumiRoot(): Promise<string> {
  const found = await locatePulumi(pulumiVersion);
  if (!found) throw new Error("There is no Pulumi CLI yet: run `npm start` once.");
  return found;
}

/** A preview of an empty program, as a whole process, with the same CLI: the floor of every preview. */
export async function emptyPreview(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-empty-"));
  try {
    await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, "emptyProgram.ts"), await pulumiRoot()],
      {
        env: {
          ...process.env,
          PULUMI_BACKEND_URL: `file://${folder}`,
          PULUMI_CONFIG_PASSPHRASE: "empty",
          PULUMI_SKIP_UPDATE_CHECK: "true",
        },
      },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
