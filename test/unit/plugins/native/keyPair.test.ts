import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { describe, expect, test } from "vitest";
import { keyPair } from "../../../../plugins/native/keyPair.ts";
import { Secret } from "../../../../plugins/server/resource.ts";
import { drive, unknown } from "../../../../plugins/server/testing.ts";
import { unwrapProperties } from "../../../../plugins/server/values.ts";

describe("KeyPair", () => {
  test("is unknown in a preview; its private key is secret, its id the fingerprint", async () => {
    const driven = drive(keyPair);
    expect((await driven.preview({})).outputs).toEqual({
      publicKey: unknown,
      privateKey: new Secret(unknown),
    });
    await driven.up({ comment: "operator" });
    expect(driven.state!.outputs.privateKey).toBeInstanceOf(Secret);
    expect(driven.state!.outputs.publicKey).toMatch(/^ssh-ed25519 AAAA\S+ operator$/);
    expect(driven.state!.id).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect((await driven.up({ comment: "operator" })).steps).toEqual(["same"]);
  });

  test("is read by ssh2 and by ssh-keygen, which find the same public key", async () => {
    const driven = drive(keyPair);
    await driven.up({});
    const { publicKey, privateKey } = unwrapProperties(driven.state!.outputs) as Record<string, string>;
    const parsed = ssh2.utils.parseKey(privateKey!);
    if (parsed instanceof Error) throw parsed;
    expect(`ssh-ed25519 ${parsed.getPublicSSH().toString("base64")}`).toBe(publicKey);
    const folder = mkdtempSync(join(tmpdir(), "phasewise-key-"));
    try {
      writeFileSync(join(folder, "key"), privateKey!, { mode: 0o600 });
      const found = execFileSync("ssh-keygen", ["-y", "-f", join(folder, "key")], { encoding: "utf8" });
      expect(found.trim()).toBe(publicKey);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("keeps the key when the comment changes", async () => {
    const driven = drive(keyPair);
    await driven.up({ comment: "one" });
    const before = unwrapProperties(driven.state!.outputs) as Record<string, string>;
    expect((await driven.up({ comment: "two" })).steps).toEqual(["update"]);
    const after = unwrapProperties(driven.state!.outputs);
    expect(after).toEqual({ ...before, publicKey: before.publicKey!.replace(/ one$/, " two") });
  });

  test.each([
    [{ type: "rsa" }, "type: must be ed25519, the only type that is made"],
    [{ comment: "a\nb" }, "comment: must be one line of plain characters, without spaces at its ends"],
  ])("refuses %j", async (inputs, message) => {
    await expect(drive(keyPair).up(inputs)).rejects.toThrow(message);
  });

  test("cannot be imported", async () => {
    await expect(drive(keyPair).import("x")).rejects.toThrow(
      "A KeyPair cannot be imported: its private key would have to stand on the command line. Nothing was changed.",
    );
  });
});
