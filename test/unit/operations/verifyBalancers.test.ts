import { expect, test } from "vitest";
import { judge } from "../../../operations/verify/checks/loadBalancers.ts";

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
    fix: "npx phasewise logs dev <machine> tells why",
  });
  expect(judge(declared, null, machines, "dev").detail).toBe("gateways does not exist at Hetzner");
});
