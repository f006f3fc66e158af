import { expect, test } from "vitest";
import { deployedFrom, refusals } from "../../../infra/changes.ts";
import { type Config, fromStackFile, requireConfig } from "../../../infra/config.ts";
import { refuseProtected } from "../../../operations/deploy/destroy.ts";
import { copyText, type EmbeddedCloud } from "../../../operations/deploy/embedded.ts";
import { parseStackFile, readStackFile } from "../../../operations/deploy/stackFile.ts";
import { parseExport, stackOutputs, withoutPending } from "../../../operations/deploy/state.ts";
import { validate } from "../../../operations/deploy/validate.ts";
import type { Deployment } from "../../../operations/deploy/workspace.ts";
import { Problem } from "../../../toolchain/problem.ts";

const text = `config:
  phasewise:cloud: embedded
  phasewise:phase: 1
  phasewise:environment: dev
  phasewise:deletionProtection: false
`;
const file = (content = text) => parseStackFile("dev", "stacks/Pulumi.dev.yaml", content);

function caught(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("an embedded stack is known by its file", () => {
  expect(file()).toMatchObject({ stack: "dev", embedded: true, rest: {} });
  expect(file("config:\n  phasewise:phase: 1\n").embedded).toBe(false);
});

test("a file that is no stack's file: exit 2, nothing touched", () => {
  expect(caught(() => file("config: [1]"))).toMatchObject({
    details: ["`config` must be a map of keys like `phasewise:phase`"],
    exitCode: 2,
  });
  expect(caught(() => file("a: [b")).exitCode).toBe(2);
});

test("a stack without a file is told with the names that there are", async () => {
  await expect(readStackFile("../x")).rejects.toMatchObject({ exitCode: 2 });
  await expect(readStackFile("nope")).rejects.toMatchObject({
    happened: 'There is no stack "nope": stacks/Pulumi.nope.yaml does not exist.',
    left: "Nothing was changed.",
  });
});

test("the settings of the embedded stack are judged without what only the running cloud knows", () => {
  expect(validate(file())).toMatchObject({ phase: 1, deletionProtection: false });
  const problem = caught(() =>
    validate(file(`${text}  phasewise:volume:\n    sizeGb: 5\n  phasewise:phse: 1\n`)),
  );
  expect(problem.happened).toBe("stacks/Pulumi.dev.yaml has 2 faults:");
  expect(problem.exitCode).toBe(2);
  const paths = problem.details.filter((line) => !line.startsWith(" ")).sort();
  expect(paths).toEqual(["phasewise:phse", "phasewise:volume.sizeGb"]);
});

const cloud: EmbeddedCloud = {
  endpoint: "http://127.0.0.1:8423/v1",
  token: "T".repeat(64),
  objectStorage: {
    endpoint: "https://198.18.0.1:9000",
    region: "fsn1",
    accessKey: "ACCESS-KEY",
    secretKey: "SECRET-KEY",
    caCertificate: "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
  },
};

test("a working copy means to Pulumi, which reads YAML 1.1, what the stack's file says", () => {
  const own = { ...file(), config: { "phasewise:origin": { to: "2026-11-21T09:30:00Z" } } };
  const text = copyText({ file: own, cloud, print: "p1", kept: {}, salt: undefined });
  expect(text).toContain('to: "2026-11-21T09:30:00Z"\n');
});

test("a working copy never holds a secret in clear, and keeps the encrypted ones", () => {
  const fresh = copyText({ file: file(), cloud, print: "p1", kept: {}, salt: undefined });
  for (const secret of [cloud.token, "ACCESS-KEY", "SECRET-KEY"]) expect(fresh).not.toContain(secret);
  expect(parseStackFile("dev", "x", fresh).config).toMatchObject({
    "hcloud:endpoint": "http://127.0.0.1:8423/v1",
    "phasewise:objectStorage": { endpoint: "https://198.18.0.1:9000", region: "fsn1" },
  });
  const named = file(`${text}  phasewise:objectStorage: {bucket: acme, region: mine}\n`);
  const own = copyText({ file: named, cloud, print: "p1", kept: {}, salt: undefined });
  expect(parseStackFile("dev", "x", own).config["phasewise:objectStorage"]).toMatchObject({
    bucket: "acme",
    region: "fsn1",
  });
  const kept = {
    "hcloud:token": { secure: "v1:a" },
    "phasewise:objectStorage": {
      accessKey: { secure: "v1:b" },
      secretKey: { secure: "v1:c" },
      endpoint: "old",
    },
  };
  const next = parseStackFile(
    "dev",
    "x",
    copyText({ file: file(), cloud, print: "p1", kept, salt: "v1:salt" }),
  );
  expect(next.rest).toEqual({ encryptionsalt: "v1:salt" });
  expect(next.config).toMatchObject({
    "hcloud:token": { secure: "v1:a" },
    "phasewise:objectStorage": {
      endpoint: "https://198.18.0.1:9000",
      accessKey: { secure: "v1:b" },
      secretKey: { secure: "v1:c" },
    },
  });
});

test("a secret that stands in clear in an embedded stack's file does not in its working copy", () => {
  const own = file();
  own.config["phasewise:alerts"] = {
    webhook: "https://hooks.example.com/hunter2",
    email: { to: ["a@example.com"], from: "a@example.com", server: "b:587", user: "u", password: "hunter2" },
  };
  const fresh = copyText({ file: own, cloud, print: "p1", kept: {}, salt: undefined });
  expect(fresh).not.toContain("hunter2");
  const kept = {
    "phasewise:alerts": { webhook: { secure: "v1:w" }, email: { password: { secure: "v1:p" } } },
  };
  const next = copyText({ file: own, cloud, print: "p1", kept, salt: undefined });
  expect(parseStackFile("dev", "x", next).config["phasewise:alerts"]).toEqual({
    webhook: { secure: "v1:w" },
    email: {
      to: ["a@example.com"],
      from: "a@example.com",
      server: "b:587",
      user: "u",
      password: { secure: "v1:p" },
    },
  });
  expect(own.config["phasewise:alerts"]).toMatchObject({ webhook: "https://hooks.example.com/hunter2" });
});

const deployment = { file: { stack: "dev", embedded: true } } as Deployment;
const config = (more: Partial<Config> = {}): Config => ({ ...validate(file()), ...more });

test("another phase is refused and promote is named", () => {
  const deployed = { ...deployedFrom(config(), "dev"), phase: 2 };
  expect(refusals(deployed, config(), true)).toEqual([
    expect.objectContaining({
      path: "phasewise:phase",
      fix: expect.stringContaining("npx phasewise promote dev --to 1"),
    }),
  ]);
});

test("another address of the embedded object storage is no change of settings; a smaller volume is refused", () => {
  const deployed = deployedFrom(config(), "dev");
  deployed.bucket.endpoint = "https://198.18.7.1:9000";
  expect(refusals(deployed, config(), true)).toEqual([]);
  expect(refusals(deployed, config(), false).map((fault) => fault.path)).toEqual([
    "phasewise:objectStorage.endpoint",
  ]);
  deployed.volumeGb = 500;
  expect(refusals(deployed, config(), true).map((fault) => fault.path)).toEqual(["phasewise:volume.sizeGb"]);
});

test("destroy of a protected stack says exactly how the protection is lifted", () => {
  const problem = caught(() =>
    refuseProtected({ config: config({ deletionProtection: true }), state: null, deployment }),
  );
  expect(problem.todo).toEqual([
    "Set phasewise:deletionProtection: false in stacks/Pulumi.dev.yaml.",
    "Run `npx phasewise up dev`: it lifts the protection, in the state and at Hetzner.",
    "Run `npx phasewise destroy dev` again.",
  ]);
  expect(problem.left).toBe("Nothing was deleted.");
});

test("a protection that the file has lifted and the stack still has needs an `up` first", () => {
  const urn = "urn:pulumi:dev::phasewise::hcloud:index/volume:Volume::core-1-data";
  const state = { resources: [{ urn, type: "hcloud:index/volume:Volume", protect: true }], pending: [] };
  const problem = caught(() => refuseProtected({ config: config(), state, deployment }));
  expect(problem.details).toEqual(["protected: Volume core-1-data"]);
  expect(problem.todo[0]).toContain("npx phasewise up dev");
  expect(() =>
    refuseProtected({ config: config(), state: { resources: [], pending: [] }, deployment }),
  ).not.toThrow();
});

test("an exported state: resources, outputs, and the operations that a killed engine left", () => {
  const exported = JSON.stringify({
    version: 3,
    deployment: {
      resources: [{ urn: "u", type: "pulumi:pulumi:Stack", outputs: { phase: 1 } }],
      pending_operations: [{ resource: { urn: "v" }, type: "creating" }],
    },
  });
  const state = parseExport(exported);
  expect(state.pending).toEqual([{ urn: "v", kind: "creating" }]);
  expect(stackOutputs(state)).toEqual({ phase: 1 });
  expect(parseExport(withoutPending(exported))).toEqual({ ...state, pending: [] });
  expect(stackOutputs(parseExport("{}"))).toBeNull();
});

test("settings with credentials in clear are refused", () => {
  expect(() =>
    requireConfig(fromStackFile("f", { "phasewise:objectStorage": { accessKey: "AK" } }), "dev"),
  ).toThrow(/a secret in clear/);
});
