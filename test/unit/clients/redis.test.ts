import { createServer } from "node:net";
import { expect, test } from "vitest";
import { parseInfo, withRedis } from "../../../clients/redis.ts";

test("INFO as names and values", () => {
  expect(parseInfo("# Server\r\nredis_version:8.0.2\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n")).toEqual({
    redis_version: "8.0.2",
    db0: "keys=1,expires=0",
  });
});

test("a Redis that is not there is told at once, with the reason", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const target = { host: "127.0.0.1", port, user: "app", password: "p", caCertificate: "" };
  await expect(withRedis(target, (client) => client.ping())).rejects.toThrow(/ECONNREFUSED/);
});
