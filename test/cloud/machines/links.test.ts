import { afterAll, beforeAll, expect, it } from "vitest";
import {
  deleteLink,
  deleteNamespace,
  ensureNamespace,
  ip,
  linkExists,
} from "../../../cloud/networks/namespaces.ts";

const namespace = "phasewise-test-links";

beforeAll(() => ensureNamespace(namespace));
afterAll(() => deleteNamespace(namespace));

it("removes a link that somebody else removes in the same moment", async () => {
  for (let round = 0; round < 5; round++) {
    await ip(namespace, ["link add s1 type veth peer name s2"]);
    // Removing one end removes the other.
    await Promise.all(["s1", "s2", "s1", "s2", "s1", "s2"].map((name) => deleteLink(namespace, name)));
    expect(await linkExists(namespace, "s1")).toBe(false);
  }
});

it("leaves it to be missing", async () => {
  await deleteLink(namespace, "none");
});
