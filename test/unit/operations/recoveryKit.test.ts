import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { afterAll, describe, expect, test } from "vitest";
import { fingerprintOf, parseKit } from "../../../operations/recoveryKit/contents.ts";
import { encrypt, openKit } from "../../../operations/recoveryKit/recoveryKit.ts";
import { judge } from "../../../operations/verify/checks/recoveryKit.ts";
import { topology } from "../infra/topology.ts";

const folder = mkdtempSync(join(tmpdir(), "phasewise-kit-"));
afterAll(() => rmSync(folder, { recursive: true }));

const kit = {
  format: "phasewise-recovery-kit" as const,
  version: 1 as const,
  stack: "production",
  madeAt: "2026-11-21T12:00:00.000Z",
  phasewise: "0.1.0",
  settings: "config: {}\n",
  secrets: {},
  state: { secret: "s3cret" },
  topology,
  catalogues: { "./catalogues/ours.yaml": "indexes: []\n" },
  fingerprint: "f",
};

async function keys(name: string) {
  const identity = await generateIdentity();
  const file = join(folder, `${name}.key`);
  writeFileSync(file, `# created: today\n# public key: ...\n${identity}\n`);
  return { file, recipient: await identityToRecipient(identity) };
}

describe("a recovery kit", () => {
  test("is opened by each of its recipients and by nobody else", async () => {
    const [one, two, stranger] = await Promise.all(["one", "two", "stranger"].map(keys));
    const text = await encrypt(JSON.stringify(kit), [one!.recipient, two!.recipient]);
    expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/);
    expect(text).not.toContain("s3cret");
    const path = join(folder, "kit.age");
    writeFileSync(path, text);
    for (const { file } of [one!, two!]) {
      const out = join(folder, "out");
      const files = await openKit(path, file, out);
      expect(files.map((each) => each.slice(out.length + 1))).toEqual([
        "Pulumi.production.yaml",
        "state.json",
        "topology.json",
        "catalogue-.-catalogues-ours.yaml",
      ]);
      expect(JSON.parse(readFileSync(join(out, "state.json"), "utf8"))).toEqual(kit.state);
      expect(statSync(join(out, "state.json")).mode & 0o777).toBe(0o600);
    }
    await expect(openKit(path, stranger!.file, join(folder, "none"))).rejects.toThrow(
      /cannot be opened with this identity/,
    );
  });

  test("is refused where it is none", () => {
    expect(() => parseKit("{}")).toThrow(/this is no recovery kit that this version knows/);
    expect(() => parseKit(JSON.stringify({ ...kit, version: 2 }))).toThrow(/no recovery kit/);
  });

  test("is stale after a rotation, another setting or recipient, and not without one", () => {
    const now = fingerprintOf(topology, "config: {}\n");
    expect(fingerprintOf(structuredClone(topology), "config: {}\n")).toBe(now);
    expect(fingerprintOf(topology, "config: {a: 1}\n")).not.toBe(now);
    const changed = (change: (copy: typeof topology) => void) => {
      const copy = structuredClone(topology);
      change(copy);
      return fingerprintOf(copy, "config: {}\n");
    };
    const rotated = changed((copy) => {
      copy.clusters[0]!.roles.owner.password = "new";
    });
    const otherCipher = changed((copy) => {
      copy.clusters[0]!.backupCipher = "new";
    });
    const otherRecipient = changed((copy) => {
      copy.recovery.recipients.push("age1x");
    });
    expect(new Set([now, rotated, otherCipher, otherRecipient]).size).toBe(4);
  });

  test("is looked at by verify", () => {
    const note = { madeAt: "2026-11-21T12:00:00.000Z", fingerprint: "a", recipients: ["age1x"] };
    const fix = "npx phasewise recovery-kit production makes a new one";
    expect(judge("production", [], null, "")).toEqual({
      ok: true,
      detail: "none is asked for: no recovery.recipients",
    });
    expect(judge("production", ["age1x"], null, "a")).toEqual({
      ok: false,
      detail: "there is none in the bucket",
      fix,
    });
    expect(judge("production", ["age1x"], note, "a")).toEqual({
      ok: true,
      detail: "made 2026-11-21 12:00 UTC",
    });
    expect(judge("production", ["age1x"], note, "b")).toEqual({
      ok: false,
      detail: "made 2026-11-21 12:00 UTC, before keys, machines or settings were changed",
      fix,
    });
  });
});
