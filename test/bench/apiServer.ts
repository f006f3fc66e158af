/**
 * The API with 200 servers in its store, over a world that boots nothing: what a list call costs is the API's own.
 * Prints its port and its token as one line of JSON.
 */
import type { AddressInfo } from "node:net";
import { Cloud } from "../../cloud/api/cloud.ts";
import type { Kinds } from "../../cloud/api/model.ts";
import { tasks } from "../../cloud/api/registry.ts";
import { createApi } from "../../cloud/api/server.ts";
import { Store } from "../../cloud/store/store.ts";
import { FakeHypervisor } from "../unit/cloud/api/fakeHypervisor.ts";

const servers = 200;
const token = "t".repeat(64);
const log = (line: string): void => void process.stderr.write(`${line}\n`);
const cloud = new Cloud({
  store: new Store<Kinds>(":memory:"),
  hypervisor: new FakeHypervisor(),
  tasks,
  log,
});
const api = createApi({ cloud, token, log });
for (let number = 0; number < servers; number++) {
  const response = await api.inject({
    method: "POST",
    url: "/v1/servers",
    headers: { authorization: `Bearer ${token}` },
    payload: {
      name: `server-${number}`,
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      labels: { number: String(number), group: `group-${number % 10}` },
    },
  });
  if (response.statusCode !== 201) throw new Error(response.payload);
}
await cloud.engine.until(() => cloud.engine.running().length === 0, 60_000);
await api.listen({ port: 0, host: "127.0.0.1" });
const { port } = api.server.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ port, token })}\n`);
