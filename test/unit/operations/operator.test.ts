import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { isInside, lockout, openToSsh } from "../../../operations/deploy/lockout.ts";
import { nameOperator, personOf } from "../../../operations/operator.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKT0pHjw1xEX5A3aFjiSq5I1gb7wz7qg6n1H1D8rAbcd";
const other = key.replace("Abcd", "Aabc");
const access = { keys: { alice: `${key} alice@laptop`, bob: [other] } };

afterEach(() => {
  vi.unstubAllEnvs();
});

test("whoever has a person's key is that person, whatever the comment", () => {
  expect(personOf(access, [`${key} something else\n`])).toBe("alice");
  expect(personOf(access, ["", other])).toBe("bob");
  expect(personOf(access, [key.replace("Abcd", "Nobo")])).toBeNull();
});

test.each([
  undefined,
  null,
  "office",
  { keys: "x" },
  { keys: { alice: { secure: "v1" } } },
  { keys: { alice: 7 } },
])("settings that are not judged yet (%j) name nobody and break nothing", (found) => {
  expect(personOf(found, [key, ""])).toBeNull();
});

test("keys of ~/.ssh name the operator, unless a name was given", () => {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-ssh-"));
  writeFileSync(join(folder, "id_ed25519.pub"), `${other} me\n`);
  vi.stubEnv("PHASEWISE_OPERATOR", undefined);
  nameOperator(access, folder);
  expect(process.env.PHASEWISE_OPERATOR).toBe("bob");
  nameOperator({ keys: { carol: other } }, folder);
  expect(process.env.PHASEWISE_OPERATOR).toBe("bob");
  rmSync(folder, { recursive: true });
  vi.stubEnv("PHASEWISE_OPERATOR", undefined);
  nameOperator(access, folder);
  expect(process.env.PHASEWISE_OPERATOR).toBeUndefined();
});

test("SSH is open to what the cloud's firewalls say, before the first up to nothing", () => {
  const firewall = (rules: unknown) => ({
    urn: "",
    type: "hcloud:index/firewall:Firewall",
    inputs: { rules },
  });
  const resources = [
    firewall([
      { port: "22", sourceIps: ["203.0.113.7/32"] },
      { port: "6432", sourceIps: ["198.51.100.0/24"] },
    ]),
    firewall([{ port: "22", sourceIps: ["203.0.113.7/32"] }]),
  ];
  expect(openToSsh({ resources, pending: [] })).toEqual(["203.0.113.7/32"]);
  expect(openToSsh({ resources: [], pending: [] })).toBeNull();
});

test("an address is inside of a range of its family alone", () => {
  expect(isInside("203.0.113.7", ["198.51.100.0/24", "203.0.113.0/29"])).toBe(true);
  expect(isInside("203.0.113.8", ["203.0.113.0/29"])).toBe(false);
  expect(isInside("2001:db8::1", ["0.0.0.0/0"])).toBe(false);
  expect(isInside("::ffff:203.0.113.7", ["203.0.113.7/32"])).toBe(true);
  expect(isInside("203.0.113.7", [])).toBe(false);
});

test("who would lock themselves out is told what to add", () => {
  expect(lockout("203.0.113.7", ["198.51.100.0/24"])).toEqual({
    path: "phasewise:access.operators",
    found: "198.51.100.0/24, without 203.0.113.7, from where this command comes",
    allowed:
      "ranges that hold the address of whoever runs up: it brings the machines to their settings by SSH",
    fix: 'add "203.0.113.7/32", or run this from an address that stays inside',
  });
});
