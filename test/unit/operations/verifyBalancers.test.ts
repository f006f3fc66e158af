import { createServer, type Server } from "node:http";
import { execa } from "execa";
import { expect, test } from "vitest";
import { judge } from "../../../operations/verify/checks/loadBalancers.ts";
import {
  askCommand,
  type HealthCheck,
  reasonOf,
  whySick,
} from "../../../operations/verify/checks/sickTargets.ts";

const declared = {
  name: "gateways",
  loadBalancerId: "7",
  publicAddress: null,
  privateAddress: "10.0.1.5",
  machines: ["core-1", "core-2"],
  ports: [6432, 6433],
  targetPorts: [],
};
const machines = new Map([
  [1, "core-1"],
  [2, "core-2"],
]);
const target = (id: number, status = "healthy") => ({
  type: "server",
  server: { id },
  health_status: declared.ports.map((listen_port) => ({ listen_port, status })),
});
const found = (...targets: object[]) =>
  judge(declared, { id: 7, name: "gateways", labels: {}, targets } as never, machines, "dev");

test("a load balancer is well when all its machines are, on every port", () => {
  expect(found(target(1), target(2))).toEqual({ ok: true, detail: "gateways: core-1, core-2 healthy" });
});

test("a machine that is no target, or is not well, is named with its port", () => {
  expect(found(target(1))).toEqual({
    ok: false,
    detail: "gateways: core-2 is no target",
    fix: "npx phasewise up dev",
  });
  expect(found(target(1, "unhealthy"), target(2, "unknown"))).toEqual({
    ok: false,
    detail:
      "gateways: core-1 is unhealthy on 6432; core-1 is unhealthy on 6433; core-2 is unknown on 6432; core-2 is unknown on 6433",
    fix: "npx phasewise logs dev -m <machine> tells why",
  });
  expect(judge(declared, null, machines, "dev").detail).toBe("gateways does not exist at Hetzner");
});

async function listening(status: number, use: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer((request, response) => {
    response.statusCode = request.url === "/health" ? status : 404;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as { port: number }).port);
  } finally {
    server.close();
  }
}

/** What the machine says, by the very script that is run there. */
async function reason(check: HealthCheck): Promise<string> {
  const { stdout } = await execa("sh", ["-c", askCommand(check)]);
  return reasonOf(stdout, check);
}

const health = { path: "/health" };

test("why a machine is not well is asked on the machine itself", async () => {
  await listening(503, async (port) => {
    expect(await reason({ protocol: "http", port, http: health })).toBe(
      `/health answers 503 on ${port} there`,
    );
    const closed = `it serves ${port} itself, so the way from the load balancer to it is closed`;
    expect(await reason({ protocol: "tcp", port })).toBe(closed);
  });
  await listening(200, async (port) => {
    const closed = `it serves ${port} itself, so the way from the load balancer to it is closed`;
    expect(await reason({ protocol: "http", port, http: health })).toBe(closed);
  });
  let gone = 0;
  await listening(200, async (port) => {
    gone = port;
  });
  expect(await reason({ protocol: "tcp", port: gone })).toBe(`nothing listens on ${gone} there`);
});

test("a machine that cannot be asked says so", async () => {
  const run = async () => {
    throw new Error("root@10.0.0.1:22 cannot be reached by SSH: no answer.\nMore.");
  };
  expect(await whySick(run, { name: "core-2" } as never, { protocol: "tcp", port: 6432 })).toBe(
    "it could not be asked why: root@10.0.0.1:22 cannot be reached by SSH: no answer.",
  );
});
