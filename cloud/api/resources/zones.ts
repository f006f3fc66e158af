import type { Cloud } from "../cloud.ts";
import {
  actionReply,
  actionRoutes,
  byNameAndCreated,
  type Call,
  type Collection,
  listReply,
  type Reply,
  type Route,
  requireFreeName,
  requireRoom,
} from "../collection.ts";
import { type Tx, timestamp } from "../engine.ts";
import { invalidField, isProtected, notOffered } from "../errors.ts";
import { boolean, labels, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { RecordSet, Zone } from "../model.ts";
import { isDomain } from "../records.ts";
import { renderAction } from "../render.ts";
import { recordSetRoutes } from "./recordSets.ts";
import { recordSetInput, recordSetsOf, soaValue, toRecordSet, ttl, zoneOf } from "./zoneRules.ts";

/** Hetzner's name servers. None of them knows of these zones: they are kept, and nobody answers for them. */
const nameservers = ["hydrogen.ns.hetzner.com.", "oxygen.ns.hetzner.com.", "helium.ns.hetzner.de."];

function render(cloud: Cloud, zone: Zone) {
  return {
    id: zone.id,
    name: zone.name,
    created: zone.created,
    mode: "primary",
    ttl: zone.ttl,
    labels: zone.labels,
    protection: zone.protection,
    status: "ok",
    record_count: recordSetsOf(cloud, zone).reduce((sum, { records }) => sum + records.length, 0),
    registrar: "unknown",
    primary_nameservers: [],
    authoritative_nameservers: {
      assigned: nameservers,
      delegated: [],
      delegation_last_check: null,
      delegation_status: "unknown",
    },
  };
}

const collection: Collection<Zone> = {
  path: "zones",
  key: "zone",
  title: "zone",
  entries: ({ store }) => store.all("zone"),
  render,
  filters: { mode: (_, mode) => mode === "primary" },
  sort: byNameAndCreated,
};

const created = z.object({
  name: z.string().refine(isDomain, "Must be a domain in lower case, without a dot at its end."),
  mode: z.enum(["primary", "secondary"]),
  ttl: optional(ttl),
  labels: optional(labels),
  primary_nameservers: optional(z.array(z.unknown())),
  rrsets: optional(z.array(recordSetInput)),
  zonefile: optional(z.string()),
});

/** What every zone has from its beginning. */
function own(tx: Tx, zone: Zone): RecordSet[] {
  const base = { zone: zone.id, name: "@", labels: {}, protection: { change: false }, created: zone.created };
  return [
    { ...base, id: tx.newId(), type: "SOA", ttl: null, records: [{ value: soaValue(1), comment: "" }] },
    {
      ...base,
      id: tx.newId(),
      type: "NS",
      ttl: 3600,
      records: nameservers.map((value) => ({ value, comment: "" })),
    },
  ];
}

function create({ cloud, body }: Call): Reply {
  const input = parse(created, body);
  if (input.mode === "secondary") throw notOffered("zones in secondary mode are");
  if (input.zonefile !== undefined) throw notOffered("zone files are");
  if (input.primary_nameservers?.length)
    throw invalidField("primary_nameservers", "Must not be given in mode primary.");
  requireRoom(cloud, "zone", limits.zones);
  requireFreeName(cloud, "zone", input.name);
  const { zone, action } = cloud.change((tx, act) => {
    const zone: Zone = {
      id: tx.newId(),
      name: input.name,
      labels: input.labels ?? {},
      created: timestamp(),
      ttl: input.ttl ?? 3600,
      protection: { delete: false },
    };
    tx.put("zone", zone);
    for (const set of own(tx, zone)) tx.put("rrset", set);
    for (const one of input.rrsets ?? []) tx.put("rrset", toRecordSet(cloud, zone, one, tx.newId()));
    return { zone, action: act({ command: "create_zone", resources: [{ id: zone.id, type: "zone" }] }) };
  });
  return { status: 201, body: { zone: render(cloud, zone), action: renderAction(action) } };
}

function update({ cloud, parameters, body }: Call): Reply {
  const zone = zoneOf(cloud, parameters.zone);
  const input = parse(z.object({ labels: optional(labels) }), body);
  const changed = { ...zone, labels: input.labels ?? zone.labels };
  cloud.change((tx) => tx.put("zone", changed));
  return { status: 200, body: { zone: render(cloud, changed) } };
}

function remove({ cloud, parameters }: Call): Reply {
  const zone = zoneOf(cloud, parameters.zone);
  if (zone.protection.delete) throw isProtected("zone", "deletion");
  const action = cloud.change((tx, act) => {
    for (const { id } of recordSetsOf(cloud, zone)) tx.delete("rrset", id);
    tx.delete("zone", zone.id);
    return act({ command: "delete_zone", resources: [{ id: zone.id, type: "zone" }] });
  });
  return { status: 201, body: { action: renderAction(action) } };
}

function changing<T>(command: string, schema: z.ZodType<T>, after: (zone: Zone, input: T) => Zone): Route {
  return {
    method: "POST",
    path: `/zones/:zone/actions/${command}`,
    handle: ({ cloud, parameters, body }) => {
      const zone = zoneOf(cloud, parameters.zone);
      const input = parse(schema, body);
      const action = cloud.change((tx, act) => {
        tx.put("zone", after(zone, input));
        return act({ command, resources: [{ id: zone.id, type: "zone" }] });
      });
      return actionReply(action);
    },
  };
}

function refused(method: Route["method"], path: string, what: string): Route {
  return {
    method,
    path: `/zones/:zone/${path}`,
    handle: ({ cloud, parameters }) => {
      zoneOf(cloud, parameters.zone);
      throw notOffered(what);
    },
  };
}

export const zoneRoutes: Route[] = [
  { method: "GET", path: "/zones", handle: (call) => listReply(collection, call) },
  {
    method: "GET",
    path: "/zones/:zone",
    handle: ({ cloud, parameters }) => ({
      status: 200,
      body: { zone: render(cloud, zoneOf(cloud, parameters.zone)) },
    }),
  },
  ...actionRoutes("zone", "zones", {
    parameter: "zone",
    find: ({ cloud, parameters }) => zoneOf(cloud, parameters.zone).id,
  }),
  { method: "POST", path: "/zones", handle: create },
  { method: "PUT", path: "/zones/:zone", handle: update },
  { method: "DELETE", path: "/zones/:zone", handle: remove },
  changing("change_ttl", z.object({ ttl }), (zone, input) => ({ ...zone, ttl: input.ttl })),
  changing("change_protection", z.object({ delete: boolean }), (zone, input) => ({
    ...zone,
    protection: { delete: input.delete },
  })),
  refused("POST", "actions/change_primary_nameservers", "zones in secondary mode are"),
  refused("POST", "actions/import_zonefile", "zone files are"),
  refused("GET", "zonefile", "zone files are"),
  ...recordSetRoutes,
];
