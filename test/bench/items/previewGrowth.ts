import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SshKey } from "@pulumi/hcloud/sshKey.js";
import { LocalWorkspace, PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { stringify } from "yaml";
import { ed25519FromSeed } from "../../../clients/ssh/keys.ts";
import { Password } from "../../../components/native/password.ts";
import { choosePlugin, STAND_IN_FOLDER } from "../../../plugins/hcloud/official.ts";
import { repository } from "../../../toolchain/paths.ts";
import { pulumiRoot } from "../emptyPreview.ts";
import type { Bench, Item } from "../item.ts";
import { type Figure, median, seconds } from "../measure.ts";

const sizes = [10, 50, 200] as const;

/** A preview with nothing to do of 10, 50 and 200 resources that are deployed: half of each plugin's. */
export const measure: Item = async (bench) => {
  await bench.running();
  const times = new Map<number, number[]>();
  for (const size of sizes) {
    bench.progress(`preview of ${size} resources`);
    times.set(size, await previews(bench, size));
  }
  const smallest = times.get(sizes[0])!.map((time) => (time * 1000) / sizes[0]);
  return sizes.slice(1).map(
    (size): Figure => ({
      name: `preview with nothing to do, a resource, of ${size}`,
      values: times.get(size)!.map((time) => (time * 1000) / size),
      unit: "ms",
      floor: {
        what: `of ${sizes[0]}; in all ${median(times.get(sizes[0])!).toFixed(2)} s, of ${size} ${median(times.get(size)!).toFixed(2)} s`,
        values: smallest,
      },
      goal: { atMost: 1.1, of: "ratio" },
    }),
  );
};

function program(size: number) {
  return async () => {
    for (let number = 0; number < size / 2; number++) {
      new Password(`password-${number}`, {});
      const { publicKey } = ed25519FromSeed(Buffer.alloc(32, `bench ${number} `));
      new SshKey(`bench-${number}`, { name: `bench-${number}`, publicKey });
    }
  };
}

/** Seconds of each preview. */
async function previews(bench: Bench, size: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-growth-"));
  try {
    const { endpoint, token } = await bench.stack.cloudEnv();
    const { use } = await choosePlugin({ cacheFile: join(folder, "hcloud-plugin.json") });
    const providers = [
      { name: "phasewise-native", path: join(repository, "plugins", "bin") },
      ...(use === "stand-in" ? [{ name: "hcloud", path: STAND_IN_FOLDER }] : []),
    ];
    writeFileSync(
      join(folder, "Pulumi.yaml"),
      stringify({ name: "growth", runtime: "nodejs", plugins: { providers } }),
    );
    const stack = await LocalWorkspace.createOrSelectStack(
      { stackName: "growth", projectName: "growth", program: program(size) },
      {
        workDir: folder,
        pulumiCommand: await PulumiCommand.get({ root: await pulumiRoot() }),
        envVars: {
          PULUMI_BACKEND_URL: `file://${folder}`,
          PULUMI_CONFIG_PASSPHRASE: "growth",
          PULUMI_SKIP_UPDATE_CHECK: "true",
          HCLOUD_ENDPOINT: endpoint,
          HCLOUD_TOKEN: token,
        },
      },
    );
    await stack.up();
    try {
      return await bench.repeat(() => seconds(() => stack.preview({ expectNoChanges: true })));
    } finally {
      await stack.destroy();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
