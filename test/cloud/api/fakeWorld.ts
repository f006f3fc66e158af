import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Cloud } from "../../../cloud/api/cloud.ts";
import { BalancerKeeper } from "../../../cloud/api/keepBalancers.ts";
import type { Kinds } from "../../../cloud/api/model.ts";
import { tasks } from "../../../cloud/api/registry.ts";
import { createApi } from "../../../cloud/api/server.ts";
import { watchServers } from "../../../cloud/api/watch.ts";
import { Store } from "../../../cloud/store/store.ts";
import { FakeHypervisor } from "../../unit/cloud/api/fakeHypervisor.ts";
import { testCertificate } from "../../unit/cloud/api/testCertificate.ts";

/** The API over HTTP, with machines that are only records: what clients make of the protocol, in seconds. */
export interface FakeWorld {
  env: { HCLOUD_ENDPOINT: string; HCLOUD_TOKEN: string };
  hypervisor: FakeHypervisor;
  close(): Promise<void>;
}

export async function startFakeWorld(): Promise<FakeWorld> {
  const hypervisor = new FakeHypervisor();
  hypervisor.delay = 20;
  hypervisor.delays.set("createServer", 1000);
  const token = "0123456789abcdef".repeat(4);
  const log = () => {};
  const cloud = new Cloud({ store: new Store<Kinds>(":memory:"), hypervisor, tasks, log });
  const watch = await watchServers(cloud, log);
  const balancers = new BalancerKeeper(cloud, log);
  balancers.start();
  const app = createApi({ cloud, token, log });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    env: { HCLOUD_ENDPOINT: `${address}/v1`, HCLOUD_TOKEN: token },
    hypervisor,
    close: async () => {
      await app.close();
      await watch.stop();
      await balancers.stop();
    },
  };
}

/** Files with a certificate for everyday.example and its key, below a folder. */
export async function certificateFiles(folder: string) {
  const { certificate, privateKey } = await testCertificate("everyday.example");
  const files = { CERTIFICATE: join(folder, "certificate.pem"), PRIVATE_KEY: join(folder, "key.pem") };
  await writeFile(files.CERTIFICATE, certificate);
  await writeFile(files.PRIVATE_KEY, privateKey, { mode: 0o600 });
  return files;
}

export const publicKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA everyday@example.test";
