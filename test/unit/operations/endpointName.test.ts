import { expect, test } from "vitest";
import type { World } from "../../../operations/verify/check.ts";
import { byName } from "../../../operations/verify/endpointName.ts";
import { verify } from "../../../operations/verify/verify.ts";

const unknown = () =>
  Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND db.example.com"), { code: "ENOTFOUND" }));
const world = { topology: { stack: "production" } } as World;

test("a name without a record is told with what to do, not as a fault of the stack", async () => {
  const run = async () => {
    await byName("db.example.com", "production", unknown());
    return { ok: true, detail: "" };
  };
  expect((await verify(world, [{ name: "write-and-read", run }])).checks).toEqual([
    {
      name: "write-and-read",
      ok: false,
      detail: "could not be checked: The name db.example.com cannot be looked up.",
      fix: "make the DNS record that npx phasewise up production prints at its end; a new one takes minutes",
    },
  ]);
});

test("what answers, and what fails for other reasons, passes as it is", async () => {
  expect(await byName("db.example.com", "production", Promise.resolve(7))).toBe(7);
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  await expect(byName("db.example.com", "production", Promise.reject(refused))).rejects.toBe(refused);
});
