import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { powerOn } from "../../../clients/hetzner.ts";
import { accessOf } from "../../../infra/hetzner/powerOn.ts";

const token = "t".repeat(64);
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An API with one server whose status goes through `statuses`, one a look, and stays at the last one. */
async function api(statuses: string[], answer: { status: number; code?: string } = { status: 201 }) {
  const orders: string[] = [];
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      orders.push(`${request.url}`);
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(JSON.stringify(answer.code ? { error: { code: answer.code, message: answer.code } } : {}));
      return;
    }
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    response.writeHead(status === "gone" ? 404 : 200, { "content-type": "application/json" });
    const found = { server: { id: 7, name: "core-1", labels: {}, status } };
    response.end(JSON.stringify(status === "gone" ? { error: { code: "not_found", message: "no" } } : found));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  closing.push(() => server.close());
  return {
    orders,
    access: { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, token },
  };
}

describe("turning a server on", () => {
  it("leaves one alone that runs", async () => {
    const { access, orders } = await api(["running"]);
    await powerOn(access, "7");
    expect(orders).toEqual([]);
  });

  it("waits for one that is just coming", async () => {
    const { access, orders } = await api(["starting", "running"]);
    await powerOn(access, "7");
    expect(orders).toEqual([]);
  });

  it("turns on one that is off, and waits until it runs", async () => {
    const { access, orders } = await api(["off", "starting", "running"]);
    await powerOn(access, "7");
    expect(orders).toEqual(["/v1/servers/7/actions/poweron"]);
  });

  it("tries again while something else is done to it", async () => {
    const { access, orders } = await api(["off", "off", "running"], { status: 423, code: "locked" });
    await powerOn(access, "7");
    expect(orders).toHaveLength(2);
  });

  it("passes on what the API refuses, and says when it is gone", async () => {
    const forbidden = await api(["off"], { status: 403, code: "forbidden" });
    await expect(powerOn(forbidden.access, "7")).rejects.toThrow("forbidden");
    const gone = await api(["gone"]);
    await expect(powerOn(gone.access, "7")).rejects.toThrow("the server 7 does not exist any more");
  });
});

describe("the API is found", () => {
  it("in the settings, then in the environment, then at Hetzner", () => {
    const settings = { "hcloud:token": "a", "hcloud:endpoint": "http://127.0.0.1:1/v1" };
    const environment = { HCLOUD_TOKEN: "b", HCLOUD_ENDPOINT: "http://127.0.0.1:2/v1" };
    expect(accessOf(settings, environment)).toEqual({ endpoint: "http://127.0.0.1:1/v1", token: "a" });
    expect(accessOf({}, environment)).toEqual({ endpoint: "http://127.0.0.1:2/v1", token: "b" });
    expect(accessOf({}, { HCLOUD_TOKEN: "b" })).toEqual({
      endpoint: "https://api.hetzner.cloud/v1",
      token: "b",
    });
    expect(() => accessOf({}, {})).toThrow(
      "there is no hcloud:token, and no HCLOUD_TOKEN in the environment",
    );
  });
});
