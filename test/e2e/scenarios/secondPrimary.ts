import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { PORTS, postgresBin, postgresData } from "../../../roles/paths.ts";
import { newcomers } from "../cutOff.ts";
import { members } from "../failover.ts";
import { tell, Writers } from "../writers.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** Answers every health check with 200, with the machine's own certificate, whatever the state of its Patroni. */
const answerer = `
import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_OPTIONS(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("0.0.0.0", ${PORTS.patroni}), Handler)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile="/etc/phasewise/tls/patroni/ca.pem")
context.load_cert_chain("/etc/phasewise/tls/patroni/node.pem", "/etc/phasewise/tls/patroni/node.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`;

const control = `runuser -u postgres -- ${postgresBin(17)}/pg_ctl --silent --pgdata=${postgresData(17)} --log=/dev/null`;

/** A standby that was promoted by hand, its Patroni gone, and checks of its Patroni answered by somebody else. */
const seize = [
  "set -e",
  "systemctl stop patroni.service",
  `${control} start`,
  `${control} promote`,
  `systemd-run --quiet --unit=phasewise-fault python3 -c '${answerer}'`,
].join("\n");

const release = `systemctl stop phasewise-fault.service; ${control} --mode=fast stop; systemctl start patroni.service`;

export default {
  name: "two members say that they are the primary, and both take writes: no gateway leads anybody to the second",
  phases: [2, 3],
  async run(scene) {
    const { stack } = scene;
    const primary = await leaderOf(scene);
    const other = (await members(stack)).find(
      ({ name, role }) => name !== primary && role !== "sync_standby",
    );
    const second = other?.name ?? (primary === "db-1" ? "db-2" : "db-1");
    await using writers = await Writers.start(stack);
    try {
      await stack.expectOk("ssh", stack.name, second, "--", seize);
      // Until the gateways have seen it: their checks come every 300 ms.
      await sleep(3000);
      await newcomers(stack, writers);
      await sleep(5000);
    } finally {
      await stack.expectOk("ssh", stack.name, second, "--", release);
    }
    await sleep(3000);
    const observed = await writers.stop();
    tell("a second primary", observed);
    expect(observed.reigns).toHaveLength(1);
    expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
