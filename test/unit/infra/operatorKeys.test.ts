import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { config, embedded, faults } from "./settings.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKT0pHjw1xEX5A3aFjiSq5I1gb7wz7qg6n1H1D8rAbcd";
const other = key.replace("Abcd", "Aabc");
const operators = ["203.0.113.7/32"];
const withKeys = (keys: unknown) => ({ "phasewise:access": { operators, database: [], keys } });
const allowed = "a public key of OpenSSH (ssh-ed25519, ecdsa, or ssh-rsa of 2048 bits)";
const pubFile = "write the one line of the person's .pub file, as cat ~/.ssh/id_ed25519.pub shows it";

/** An RSA key of so many bits, as ssh-keygen writes it. */
function rsa(bits: number): string {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  const field = (data: Buffer) =>
    Buffer.concat([Buffer.from(Uint32Array.of(data.length).buffer).reverse(), data]);
  const modulus = Buffer.concat([Buffer.of(0), Buffer.from(n, "base64url")]);
  const blob = [Buffer.from("ssh-rsa"), Buffer.from(e, "base64url"), modulus].map(field);
  return `ssh-rsa ${Buffer.concat(blob).toString("base64")}`;
}

describe("people's keys", () => {
  it("are one key or a list of them, with and without a comment, whatever stands in it", () => {
    const odd = `${other} "bob's" <laptop> ${"$(reboot)"} ä`;
    expect(config(withKeys({ alice: `${key} alice@laptop`, bob: [odd, rsa(2048)] })).access.keys).toEqual({
      alice: [`${key} alice@laptop`],
      bob: [odd, expect.stringContaining("ssh-rsa ")],
    });
  });

  it.each([
    ["cut off", key.slice(0, 40), `it is cut off or damaged: ${pubFile}`],
    [
      "of another type than it says",
      key.replace("ssh-ed25519", "ssh-rsa"),
      `it is cut off or damaged: ${pubFile}`,
    ],
    ["two lines", `${key}\n${other}`, "write one key a line of a list"],
    ["with an option before it", `command="true" ${key}`, "write the key alone, without options before it"],
    [
      "DSA",
      "ssh-dss AAAAB3NzaC1kc3M=",
      "DSA is broken, and OpenSSH refuses it: make a new pair, ssh-keygen -t ed25519",
    ],
    ["too short", rsa(1024), "1024 bits are too few: make a new pair, ssh-keygen -t ed25519"],
    [
      "a certificate",
      "ssh-ed25519-cert-v01@openssh.com AAAA",
      "write the key itself, not a certificate of it",
    ],
    ["something else", "my key", pubFile],
    ["a number", 7, pubFile],
  ])("are refused where one is %s", (_, value, fix) => {
    const found = JSON.stringify(value);
    const shown = found.length > 72 ? `${found.slice(0, 69)}...` : found;
    expect(faults(withKeys({ alice: [key, value] }))).toEqual([
      `phasewise:access.keys.alice[1]: ${shown} | ${allowed} | ${fix}`,
    ]);
  });

  it("that are private are refused and not repeated, wherever they stand", () => {
    const pem =
      "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    const found = [
      faults(withKeys({ alice: pem })),
      faults(withKeys(pem)),
      faults({ "phasewise:access": pem }),
    ];
    for (const text of found.flat()) {
      expect(text).toContain(": a private key |");
      expect(text).not.toContain("b3BlbnNz");
    }
    expect(found[0]).toEqual([
      `phasewise:access.keys.alice: a private key | ${allowed} | write the content of the .pub file, and make a new pair, as this one has been shown`,
    ]);
  });

  it("are refused all at once, beside the faults of other settings", () => {
    const keys = {
      "Alice B": key,
      postgres: [],
      bob: [other, other],
      carol: other,
      dave: { key },
    };
    expect(faults({ "phasewise:access": { operators: ["office"], database: [], keys } })).toEqual([
      expect.stringContaining("phasewise:access.operators[0]"),
      'phasewise:access.keys.Alice B: "Alice B" | a person\'s name in small letters, digits and hyphens, the first a letter | rename it, as alice',
      'phasewise:access.keys.postgres: "postgres" | a name that no account of the system has | rename it, as postgres-ops',
      "phasewise:access.keys.postgres: an empty list | one key or more | write a key, or take postgres out: then the account is closed with the next up",
      "phasewise:access.keys.bob[1]: the same key again | each key once: the journal tells people apart by their accounts | remove it here",
      "phasewise:access.keys.carol: the key of bob | each key once: the journal tells people apart by their accounts | ask bob and carol whose it is; the other makes one: ssh-keygen -t ed25519",
      expect.stringMatching(
        /^phasewise:access\.keys\.dave: \{"key":.* \| write one line of a \.pub file, or a list of them$/,
      ),
    ]);
  });

  it("are no place for an encrypted value", () => {
    const secure = { secure: "v1:a:b" };
    const [fault, ...others] = faults(withKeys({ alice: secure }));
    expect(others).toEqual([]);
    const [what, expected, fix] = fault!.split(" | ");
    expect([what, expected]).toEqual([
      "phasewise:access.keys.alice: an encrypted value",
      `${allowed}, or a list of them`,
    ]);
    expect(fix).toMatch(/^write it in clear; only .*objectStorage\.accessKey, .* are secrets$/);
  });
});

it("an embedded stack is not closed to everybody either", () => {
  expect(faults({ "phasewise:access": { operators: [] } }, embedded())).toEqual([
    expect.stringContaining("phasewise:access.operators: an empty list"),
  ]);
});
