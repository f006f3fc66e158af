import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changeFaults, type Deployed, deployedFrom, deployedOf } from "../../../infra/changes.ts";
import { serverTypes } from "../../../infra/hetzner/catalogue.ts";
import { topologySchema } from "../../../infra/topology.ts";
import { config } from "./settings.ts";
import { topology } from "./topology.ts";

const deployed = deployedFrom(config(), "production");
const lines = (before: Deployed, change: Record<string, unknown> = {}) =>
  changeFaults(before, config(change)).map(
    ({ path, found, allowed, fix }) => `${path}: ${found} | ${allowed} | ${fix}`,
  );

describe("a deployed stack", () => {
  it("takes the settings that it has", () => {
    expect(lines(deployed)).toEqual([]);
  });

  it("takes a larger volume, another server type, other parameters and ranges", () => {
    const change = {
      "phasewise:volume": { sizeGb: 40 },
      "phasewise:server": { type: "ccx13" },
      "phasewise:database": { parameters: { work_mem: "16MB" } },
      "phasewise:access": { operators: ["198.51.100.1/32"], database: [] },
    };
    expect(lines(deployed, change)).toEqual([]);
  });

  it("is promoted, not edited, to another phase", () => {
    expect(lines({ ...deployed, phase: 2 })).toEqual([
      "phasewise:phase: 1 (single) | 2, the phase that is deployed | set it back to 2 and run npx phasewise promote production --to 1, which changes the file when it is done",
    ]);
  });

  it("keeps its volume", () => {
    expect(lines(deployed, { "phasewise:volume": { sizeGb: 10 } })).toEqual([
      "phasewise:volume.sizeGb: 10 | 20 (GB), the size that is deployed, or more: volumes only grow | set it to 20 or more; for a smaller one, restore a backup into a new stack",
    ]);
  });

  it("stays where it is", () => {
    const storage = config().objectStorage;
    const endpoint = { endpoint: storage.endpoint, region: "fsn1" };
    const secrets = { accessKey: { secure: "x" }, secretKey: { secure: "x" } };
    expect(
      lines(deployed, {
        "phasewise:location": "nbg1",
        "phasewise:objectStorage": { bucket: storage.bucket, ...endpoint, ...secrets },
      }),
    ).toEqual([
      'phasewise:location: "nbg1" | fsn1, where the stack is: its volume and its address cannot leave | set it back to fsn1; to move, make a new stack there and restore a backup into it',
    ]);
  });

  it("keeps its processor", () => {
    expect(lines(deployed, { "phasewise:server": { type: "cax11" } })).toEqual([
      'phasewise:server.type: "cax11" (arm) | types with the processor of cpx22 (x86): a machine cannot change it | take another x86 type; to change, make a new stack and restore a backup into it',
    ]);
  });

  it("keeps its database's name", () => {
    expect(lines(deployed, { "phasewise:database": { name: "shop" } })).toEqual([
      'phasewise:database.name: "shop" | app, the database that is deployed: its roles and clients are named after it | set it back to app; for another name, make a new stack and move the data',
    ]);
  });

  it("keeps its version", () => {
    expect(lines({ ...deployed, postgresVersion: 16 })).toEqual([
      "phasewise:database.postgresVersion: 17 | 16, the version that is deployed: another one needs its data moved | set it back to 16; to upgrade, make a new stack and move the data",
    ]);
  });

  it("keeps the bucket with its backups", () => {
    const fix = (name: string) =>
      `${name}, where the backups are: they would be left behind, and no point before today could be restored | set it back to ${name}; to change it, make a new stack and restore a backup into it`;
    expect(lines({ ...deployed, bucket: { ...deployed.bucket, name: "old" } })).toEqual([
      `phasewise:objectStorage.bucket: "acme-production-backups" | ${fix("old")}`,
    ]);
    expect(
      lines({ ...deployed, bucket: { ...deployed.bucket, endpoint: "https://s3.example.com" } }),
    ).toEqual([
      `phasewise:objectStorage.endpoint: "https://fsn1.your-objectstorage.com" | ${fix("https://s3.example.com")}`,
    ]);
  });

  it("hears of everything at once", () => {
    const before = {
      ...deployed,
      phase: 2,
      volumeGb: 99,
      location: "hel1",
      database: "shop",
      postgresVersion: 16,
    };
    expect(lines(before).map((line) => line.split(": ")[0])).toEqual([
      "phasewise:phase",
      "phasewise:volume.sizeGb",
      "phasewise:location",
      "phasewise:database.name",
      "phasewise:database.postgresVersion",
    ]);
  });

  it("may grow to any size and to any type of its processor", () => {
    const x86 = serverTypes.filter((type) => type.architecture === "x86" && type.locations.includes("fsn1"));
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 10_240 }), fc.constantFrom(...x86), (sizeGb, { name: type }) => {
        expect(lines(deployed, { "phasewise:volume": { sizeGb }, "phasewise:server": { type } })).toEqual([]);
      }),
    );
  });
});

describe("what a topology says of a deployed stack", () => {
  it("is what the rules need", () => {
    expect(deployedOf(topologySchema.parse(topology))).toEqual({
      stack: "production",
      phase: 1,
      location: "fsn1",
      serverType: "cpx22",
      volumeGb: 20,
      database: "app",
      postgresVersion: 17,
      bucket: { endpoint: "https://fsn1.your-objectstorage.com", name: "acme-production-backups" },
    });
  });

  it("fails for a stack of nothing", () => {
    expect(() => deployedOf({ ...topology, machines: [] })).toThrow(
      "the stack production says of itself that it is empty",
    );
  });
});
