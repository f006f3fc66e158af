import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { expect, test } from "vitest";
import type { HetznerItem } from "../../../clients/hetzner.ts";
import {
  goneResources,
  matchPlanned,
  orphans,
  type Planned,
  plannedCreations,
  targetsOf,
} from "../../../operations/deploy/adopt/find.ts";
import type { Listing } from "../../../operations/deploy/adopt/kinds.ts";
import type { StateResource } from "../../../operations/deploy/state.ts";

const stackUrn = "urn:pulumi:dev::phasewise::pulumi:pulumi:Stack::phasewise-dev";
const layerUrn = "urn:pulumi:dev::phasewise::phasewise:index:DataLayer::phasewise";
const networkUrn =
  "urn:pulumi:dev::phasewise::phasewise:index:DataLayer$phasewise:index:Network::phasewise-network";

function urnOf(type: string, name: string): string {
  return `urn:pulumi:dev::phasewise::phasewise:index:DataLayer$${type}::${name}`;
}

function planned(type: string, name: string, inputs: Record<string, unknown>, parent = layerUrn): Planned {
  return { urn: urnOf(type, name), type, custom: true, parent, inputs };
}

function item(id: number, name: string, more: Record<string, unknown> = {}): HetznerItem {
  return { id, name, labels: { "phasewise-stack": "dev", "phasewise-name": name }, ...more };
}

const listing: Listing = {
  networks: [item(5, "network", { subnets: [{ ip_range: "10.0.1.0/24" }], routes: [] })],
  servers: [item(7, "core-1", { private_net: [{ network: 5 }] })],
  volumes: [item(9, "core-1-data", { server: 7 })],
  firewalls: [item(11, "core", { applied_to: [{ type: "server", server: { id: 7 } }] })],
};

const network = planned("hcloud:index/network:Network", "network", {});
const subnet = planned("hcloud:index/networkSubnet:NetworkSubnet", "data", {
  networkId: 5,
  ipRange: "10.0.1.0/24",
});
const server = planned("hcloud:index/server:Server", "core-1", {});

test("everything labelled is an orphan where the state is empty; nothing where it knows all", () => {
  expect(orphans(listing, []).map((orphan) => orphan.item.id)).toEqual([7, 5, 9, 11]);
  const known: StateResource[] = [
    { urn: "a", type: "hcloud:index/server:Server", id: "7" },
    { urn: "b", type: "hcloud:index/network:Network", id: "5" },
    { urn: "c", type: "hcloud:index/volume:Volume", id: "9" },
    { urn: "d", type: "hcloud:index/firewall:Firewall", id: "11" },
  ];
  expect(orphans(listing, known)).toEqual([]);
});

test("labelled objects are found by the logical name in their label", () => {
  expect(matchPlanned([network, server], listing, []).map((found) => found.id)).toEqual(["5", "7"]);
  const other = planned("hcloud:index/server:Server", "core-2", {});
  expect(matchPlanned([other], listing, [])).toEqual([]);
});

test("two objects of one logical name are nobody's: neither is taken", () => {
  const twice = { ...listing, servers: [...listing.servers!, item(8, "core-1")] };
  expect(matchPlanned([server], twice, [])).toEqual([]);
});

test("parts are found by what they join, once their owners' ids are known", () => {
  const parts = [
    subnet,
    planned("hcloud:index/serverNetwork:ServerNetwork", "n", { serverId: 7, networkId: 5, ip: "10.0.1.11" }),
    planned("hcloud:index/volumeAttachment:VolumeAttachment", "v", { volumeId: 9, serverId: 7 }),
    planned("hcloud:index/firewallAttachment:FirewallAttachment", "f", { firewallId: 11, serverIds: [7] }),
  ];
  expect(matchPlanned(parts, listing, []).map((found) => found.id)).toEqual([
    "5-10.0.1.0/24",
    "7-5",
    "9",
    "11",
  ]);
  const elsewhere = planned("hcloud:index/volumeAttachment:VolumeAttachment", "v", {
    volumeId: 9,
    serverId: 70,
  });
  const unknown = planned("hcloud:index/networkSubnet:NetworkSubnet", "data", {
    networkId: "unknown",
    ipRange: "x",
  });
  expect(matchPlanned([elsewhere, unknown], listing, [])).toEqual([]);
});

test("what the state has already is not imported again", () => {
  const state = [{ urn: subnet.urn, type: subnet.type, id: "5-10.0.1.0/24" }];
  expect(matchPlanned([subnet], listing, state)).toEqual([]);
});

test("planned creations come from the events of a preview", () => {
  const event = (op: string, custom: boolean) =>
    ({
      resourcePreEvent: {
        metadata: { op, new: { ...network, custom } },
      },
    }) as unknown as EngineEvent;
  expect(plannedCreations([event("same", true), event("create", true), event("create", false)])).toEqual([
    network,
    { ...network, custom: false },
  ]);
});

test("components that the state lacks are made together with what is found under them", () => {
  const component: Planned = {
    urn: networkUrn,
    type: "phasewise:index:Network",
    custom: false,
    parent: layerUrn,
    inputs: {},
  };
  const found = [{ ...planned("hcloud:index/network:Network", "network", {}, networkUrn), id: "5" }];
  const state: StateResource[] = [
    { urn: stackUrn, type: "pulumi:pulumi:Stack" },
    { urn: layerUrn, type: "phasewise:index:DataLayer" },
  ];
  expect(targetsOf(found, [component, ...found], state)).toEqual([found[0]!.urn, networkUrn]);
  const known = [...state, { urn: networkUrn, type: "phasewise:index:Network" }];
  expect(targetsOf(found, found, known)).toEqual([found[0]!.urn]);
});

test("what is recorded and gone is named with its parts", () => {
  const resources: StateResource[] = [
    { urn: "server", type: "hcloud:index/server:Server", id: "7" },
    { urn: "network", type: "hcloud:index/network:Network", id: "5" },
    {
      urn: "attachment",
      type: "hcloud:index/volumeAttachment:VolumeAttachment",
      id: "9",
      inputs: { serverId: 7, volumeId: 9 },
    },
    { urn: "host", type: "phasewise-native:index:Host", id: "core-1" },
  ];
  const all = { servers: new Set(["7"]), networks: new Set(["5"]) };
  expect(goneResources(resources, { ...all, servers: new Set() }, listing)).toEqual(["server", "attachment"]);
  expect(goneResources(resources, all, listing)).toEqual([]);
});

test("a part that was taken off an object that is still there is gone too", () => {
  const resources: StateResource[] = [
    {
      urn: "in",
      type: "hcloud:index/serverNetwork:ServerNetwork",
      id: "7-5",
      inputs: { serverId: 7, networkId: 5 },
    },
    {
      urn: "subnet",
      type: "hcloud:index/networkSubnet:NetworkSubnet",
      id: "x",
      inputs: { networkId: 5, ipRange: "10.0.9.0/24" },
    },
    {
      urn: "unlisted",
      type: "hcloud:index/networkSubnet:NetworkSubnet",
      id: "y",
      inputs: { networkId: 50, ipRange: "x" },
    },
  ];
  expect(goneResources(resources, {}, listing)).toEqual(["subnet"]);
});
