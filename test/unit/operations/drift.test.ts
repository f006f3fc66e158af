import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { expect, test } from "vitest";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { driftLine, driftOf } from "../../../operations/drift/differences.ts";
import { driftReport } from "../../../operations/drift/drift.ts";
import { parsePath, valueAt } from "../../../operations/drift/path.ts";
import { grownVolumes } from "../../../operations/drift/volumes.ts";
import { notKnown } from "../../../plugins/native/notKnown.ts";
import { config } from "../infra/settings.ts";

/** What the engine says when it has looked at one resource. */
function looked(type: string, name: string, more: object, op = "update"): EngineEvent {
  const metadata = { op, urn: `urn:pulumi:dev::phasewise::${type}::${name}`, type, provider: "", ...more };
  return { sequence: 0, timestamp: 0, resOutputsEvent: { metadata } } as unknown as EngineEvent;
}

const state = (inputs: object, outputs: object = {}) => ({ custom: true, inputs, outputs });
const inInputs = (...paths: string[]) =>
  Object.fromEntries(paths.map((path) => [path, { diffKind: "update", inputDiff: true }]));
const inOutputs = (...paths: string[]) =>
  Object.fromEntries(paths.map((path) => [path, { diffKind: "update", inputDiff: false }]));

test("a path of properties, quoted parts and indexes", () => {
  expect(parsePath('a.b["/etc/x.ini"].content')).toEqual(["a", "b", "/etc/x.ini", "content"]);
  expect(parsePath("rules[0].port")).toEqual(["rules", "0", "port"]);
  expect(parsePath('statements["say \\"hi\\""].found')).toEqual(["statements", 'say "hi"', "found"]);
  expect(valueAt({ a: [{ b: 1 }] }, ["a", "0", "b"])).toBe(1);
  expect(valueAt({ a: null }, ["a", "b"])).toBeUndefined();
});

test("the cloud: a changed label, changed rules, a server that is off, an attachment that is gone", () => {
  const rule = (port: string) => ({ port, protocol: "tcp" });
  const drift = driftOf(
    [
      looked("hcloud:index/firewall:Firewall", "core", {
        old: state({}, { rules: [rule("22"), rule("6432")] }),
        new: state({}, { rules: [rule("22"), rule("5432")] }),
        detailedDiff: inOutputs("rules"),
      }),
      looked("hcloud:index/server:Server", "core-1", {
        old: state({}, { status: "running", labels: {} }),
        new: state({}, { status: "off", labels: { by: "hand" } }),
        detailedDiff: inOutputs("labels.by"),
      }),
      looked("hcloud:index/volumeAttachment:VolumeAttachment", "data", { old: state({}) }, "delete"),
      looked(
        "hcloud:index/network:Network",
        "network",
        { old: state({}), new: state({}), detailedDiff: {} },
        "same",
      ),
    ],
    "whole",
  );
  expect(drift).toEqual([
    {
      type: "Firewall",
      name: "core",
      state: "changed",
      differences: [{ what: "rules", declared: [rule("6432")], found: [rule("5432")] }],
    },
    {
      type: "Server",
      name: "core-1",
      state: "off",
      differences: [
        { what: "labels by", declared: null, found: "hand" },
        { what: "status", declared: "running", found: "off" },
      ],
    },
    { type: "VolumeAttachment", name: "data", state: "gone", differences: [] },
  ]);
  expect(drift.map(driftLine)).toEqual([
    "Firewall core was changed: rules",
    "Server core-1 is off: labels by; status",
    "VolumeAttachment data is gone",
  ]);
});

test("a machine: what was edited, line by line, and what does not run", () => {
  const manifest = (content: string, found?: string) => ({
    manifest: {
      roles: {
        pgbouncer: {
          files: { "/etc/pgbouncer/pgbouncer.ini": { content } },
          units: [{ name: "pgbouncer.service", ...(found ? { found } : {}) }],
        },
      },
      mounts: { "/data": found ? { found: "not mounted" } : {} },
    },
  });
  const [host] = driftOf(
    [
      looked("phasewise-native:index:Host", "core-1", {
        old: state(manifest("[pgbouncer]\nmax_client_conn = 1000\nport = 1")),
        new: state(manifest("[pgbouncer]\nmax_client_conn = 7\nport = 1", "inactive, not enabled")),
        detailedDiff: inInputs(
          'manifest.roles.pgbouncer.files["/etc/pgbouncer/pgbouncer.ini"].content',
          "manifest.roles.pgbouncer.units[0].found",
          'manifest.mounts["/data"].found',
        ),
      }),
    ],
    "whole",
  );
  expect(host?.differences).toEqual([
    {
      what: "pgbouncer: file /etc/pgbouncer/pgbouncer.ini, content",
      declared: "max_client_conn = 1000",
      found: "max_client_conn = 7",
    },
    { what: "pgbouncer: unit pgbouncer.service", declared: null, found: "inactive, not enabled" },
    { what: "mount /data", declared: null, found: "not mounted" },
  ]);
});

test("where a machine gave no answer, it is not known whether it drifted, and said which one", () => {
  const warned = (type: string, name: string, message: string): EngineEvent => ({
    sequence: 0,
    timestamp: 0,
    diagnosticEvent: {
      urn: `urn:pulumi:dev::phasewise::${type}::${name}`,
      message: `<{%reset%}>${message}<{%reset%}>\n`,
      color: "never",
      severity: "warning",
    },
  });
  const host = (message: string) => warned("phasewise-native:index:Host", "core-1", message);
  const label = looked("hcloud:index/server:Server", "core-2", {
    old: state({}, { status: "running", labels: {} }),
    new: state({}, { status: "running", labels: { by: "hand" } }),
    detailedDiff: inOutputs("labels.by"),
  });
  const busy = host(notKnown("core-1 is too busy to be looked at, and taken to be as it was: no answer."));
  const why = "core-1 is too busy to be looked at, and taken to be as it was: no answer.";
  const unseen = [{ type: "Host", name: "core-1", why }];

  expect(driftReport("dev", [busy])).toEqual({
    stack: "dev",
    verdict: "not known",
    drifted: null,
    resources: [],
    notKnown: unseen,
  });
  expect(driftReport("dev", [busy, label])).toMatchObject({
    verdict: "changed",
    drifted: true,
    resources: [{ name: "core-2" }],
    notKnown: unseen,
  });
  expect(driftReport("dev", [label])).toMatchObject({ verdict: "changed", drifted: true, notKnown: [] });
  expect(driftReport("dev", [host("core-1: a restart waits")])).toEqual({
    stack: "dev",
    verdict: "as declared",
    drifted: false,
    resources: [],
    notKnown: [],
  });
});

test("a cluster: a setting, a role that was dropped, SQL that is not as declared", () => {
  const cluster = (parameters: object, roles: object, statements: object) => ({
    dynamicConfiguration: { postgresql: { parameters } },
    roles,
    statements,
  });
  const [found] = driftOf(
    [
      looked("phasewise-native:index:Cluster", "main", {
        old: state(cluster({ work_mem: "17MB" }, { app: { login: true } }, { "rights in app": {} })),
        new: state(cluster({ work_mem: "9MB" }, {}, { "rights in app": { found: "not as declared" } })),
        detailedDiff: inInputs(
          "dynamicConfiguration.postgresql.parameters.work_mem",
          "roles.app",
          'statements["rights in app"].found',
        ),
      }),
    ],
    "whole",
  );
  expect(found?.differences).toEqual([
    { what: "setting work_mem", declared: "17MB", found: "9MB" },
    { what: "roles app", declared: { login: true }, found: null },
    { what: "SQL: rights in app", declared: null, found: "not as declared" },
  ]);
});

test("a volume that was made larger by hand is told with what to write", () => {
  const settings = config();
  const plan = hetznerPlan(blueprintOf(settings), settings, "production");
  const volume = (sizeGb: number, name = "phasewise-core-1-data") => ({ name, sizeGb });
  expect(grownVolumes(plan, [volume(20), volume(900, "phasewise-unknown")])).toBeNull();
  expect(grownVolumes(plan, [volume(10)])).toBeNull();
  expect(grownVolumes(plan, [volume(30)])).toEqual({
    path: "phasewise:volume.sizeGb",
    found: "20",
    allowed: "30 (GB) or more: phasewise-core-1-data has that size in the cloud, and volumes never shrink",
    fix: "set it to 30: somebody made the volume larger without this file",
  });
});

test("in a run that does more than look, what it does itself is no drift", () => {
  const change = {
    old: state({}, { status: "running", labels: { by: "hand" } }),
    new: state({}, { status: "running", labels: {} }),
    detailedDiff: inOutputs("labels.by"),
  };
  const back = { ...change, old: change.new, new: change.old };
  const events = [
    looked("hcloud:index/server:Server", "core-1", back, "refresh"),
    looked("hcloud:index/server:Server", "core-1", change, "update"),
  ];
  expect(driftOf(events, "part")).toEqual([
    expect.objectContaining({ differences: [{ what: "labels by", declared: null, found: "hand" }] }),
  ]);
  expect(driftOf(events.slice(1), "part")).toEqual([]);
});
