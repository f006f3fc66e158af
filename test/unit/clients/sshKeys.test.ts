import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { ed25519FromSeed } from "../../../clients/ssh/keys.ts";

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("ssh2 reads every key and finds the same public key in it", () => {
  fc.assert(
    fc.property(seeds, fc.constantFrom("", "a comment"), (seed, comment) => {
      const pair = ed25519FromSeed(seed, comment);
      const parsed = ssh2.utils.parseKey(pair.privateKey);
      if (parsed instanceof Error) throw parsed;
      expect(pair.publicKey).toBe(
        `ssh-ed25519 ${parsed.getPublicSSH().toString("base64")} ${comment}`.trim(),
      );
      expect(parsed.comment).toBe(comment);
    }),
    { numRuns: 1000 },
  );
});

test("ssh-keygen agrees", () => {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-test-"));
  try {
    for (const first of [0, 1, 127, 128, 255]) {
      const pair = ed25519FromSeed(Buffer.alloc(32, first), "host");
      writeFileSync(join(folder, "key"), pair.privateKey, { mode: 0o600 });
      expect(execFileSync("ssh-keygen", ["-y", "-f", join(folder, "key")], { encoding: "utf8" }).trim()).toBe(
        pair.publicKey,
      );
      rmSync(join(folder, "key"));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the same seed gives the same texts, another seed others", () => {
  const seed = Buffer.alloc(32, 7);
  expect(ed25519FromSeed(seed)).toEqual(ed25519FromSeed(Buffer.from(seed)));
  expect(ed25519FromSeed(seed).publicKey).not.toBe(ed25519FromSeed(Buffer.alloc(32, 8)).publicKey);
  expect(() => ed25519FromSeed(Buffer.alloc(31))).toThrow("an ed25519 seed has 32 bytes, not 31");
});
