import { createRequire, syncBuiltinESMExports } from "node:module";
import { parseArgs } from "node:util";

/**
 * A process that works with a cloud's machines and is killed before its n-th effect on the host. Effects are the
 * programs that it runs and the files that it touches. It says how many there were, where it lives to the end.
 *
 * node struck.ts --cloud <name> --do create|destroy --strike <n>
 */
const { values } = parseArgs({
  options: { cloud: { type: "string" }, do: { type: "string" }, strike: { type: "string" } },
});
const strike = Number(values.strike);
let effects = 0;
let armed = false;

function effect(): void {
  if (!armed) return;
  effects++;
  if (effects === strike) process.kill(process.pid, "SIGKILL");
}

type Functions = Record<string, (...args: unknown[]) => unknown>;

const load = createRequire(import.meta.url);
const patches: [module: string, names: string[]][] = [
  ["node:child_process", ["spawn"]],
  ["node:fs/promises", ["mkdir", "writeFile", "rename", "rm", "symlink", "truncate", "open", "rmdir"]],
];
for (const [module, names] of patches) {
  const functions = load(module) as Functions;
  for (const name of names) {
    const original = functions[name] as (...args: unknown[]) => unknown;
    functions[name] = (...args) => {
      effect();
      return original(...args);
    };
  }
}
syncBuiltinESMExports();

const { destroyHypervisor } = await import("../../../cloud/machines/hypervisor.ts");
const { attachment, privateNetwork, TestCloud, volume } = await import("./testCloud.ts");
const cloud = new TestCloud(values.cloud as string);

if (values.do === "create") {
  await cloud.start();
  await cloud.hypervisor.reconcile({ servers: [], volumes: [], networks: [], loadBalancers: [] });
  armed = true;
  await cloud.hypervisor.ensureNetwork(privateNetwork);
  await cloud.hypervisor.createVolume(volume(1));
  const server = cloud.server(1, { networks: [attachment(1)], volumes: [volume(1)] });
  await cloud.hypervisor.createServer(server);
  await cloud.hypervisor.powerOn(server);
} else {
  armed = true;
  await destroyHypervisor(cloud.options);
}
process.stdout.write(`${effects}\n`);
process.exit(0);
