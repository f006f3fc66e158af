import { expect, test } from "vitest";
import { withSecretsOf } from "../../../operations/deploy/state.ts";
import { secretsOf, withoutEncrypted } from "../../../operations/recoveryKit/secrets.ts";

const config = {
  "hcloud:token": { secure: "v1:a" },
  "phasewise:phase": 1,
  "phasewise:objectStorage": { bucket: "b", accessKey: { secure: "v1:b" }, secretKey: { secure: "v1:c" } },
  "other:plain": { secure: "v1:d" },
};

test("a kit carries the encrypted settings in clear, and never the cloud's token", () => {
  const plain = JSON.stringify({
    "hcloud:token": { value: "the token", secret: true },
    "phasewise:phase": { value: "1", secret: false },
    "phasewise:objectStorage": {
      value: "...",
      objectValue: { bucket: "b", accessKey: "AK", secretKey: "SK" },
      secret: true,
    },
    "other:plain": { value: "x", secret: true },
  });
  expect(secretsOf(config, plain)).toEqual({
    "phasewise:objectStorage.accessKey": "AK",
    "phasewise:objectStorage.secretKey": "SK",
    "other:plain": "x",
  });
  expect(() => secretsOf(config, "{}")).toThrow("the setting phasewise:objectStorage.accessKey has no value");
});

test("what only the lost passphrase could read is not brought back", () => {
  expect(
    withoutEncrypted({ encryptionsalt: "v1:s", secretsprovider: "awskms://k", encryptedkey: "k", config }),
  ).toEqual({
    config: { "phasewise:phase": 1, "phasewise:objectStorage": { bucket: "b" } },
  });
});

test("a state is encrypted by the stack that takes it", () => {
  const plain = { version: 3, deployment: { resources: [1], secrets_providers: { type: "old" } } };
  const own = JSON.stringify({ version: 3, deployment: { secrets_providers: { type: "passphrase" } } });
  expect(JSON.parse(withSecretsOf(plain, own))).toEqual({
    version: 3,
    deployment: { resources: [1], secrets_providers: { type: "passphrase" } },
  });
});
