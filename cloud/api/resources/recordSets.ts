import type { Cloud } from "../cloud.ts";
import { actionReply, type Call, type Collection, listReply, type Reply, type Route } from "../collection.ts";
import { invalidField, isProtected, notFound } from "../errors.ts";
import { boolean, labels, optional, parse, z } from "../input.ts";
import type { RecordSet } from "../model.ts";
import { renderAction } from "../render.ts";
import {
  recordSetInput,
  recordSetsOf,
  recordsInput,
  toRecordSet,
  toRecords,
  ttl,
  zoneOf,
} from "./zoneRules.ts";

function render(_: Cloud, set: RecordSet) {
  const { name, type, records, protection, zone } = set;
  return { id: `${name}/${type}`, name, type, ttl: set.ttl, labels: set.labels, protection, records, zone };
}

/** @throws ApiError not_found */
function setOf({ cloud, parameters }: Call): RecordSet {
  const zone = zoneOf(cloud, parameters.zone);
  const { name, type } = parameters;
  const found = recordSetsOf(cloud, zone).find((set) => set.name === name && set.type === type);
  if (!found) throw notFound("RRSet", `${name}/${type}`);
  return found;
}

function list(call: Call): Reply {
  const zone = zoneOf(call.cloud, call.parameters.zone);
  const collection: Collection<RecordSet> = {
    path: "rrsets",
    key: "rrset",
    title: "RRSet",
    entries: (cloud) => recordSetsOf(cloud, zone),
    render,
    filters: { type: (set, type) => set.type === type },
    sort: { id: (set) => `${set.name}/${set.type}`, name: (set) => set.name, created: (set) => set.created },
  };
  return listReply(collection, call);
}

function create({ cloud, parameters, body }: Call): Reply {
  const zone = zoneOf(cloud, parameters.zone);
  const input = parse(recordSetInput, body);
  if (input.type === "SOA") throw invalidField("type", "Every zone has exactly one SOA, which it came with.");
  const { set, action } = cloud.change((tx, act) => {
    const set = toRecordSet(cloud, zone, input, tx.newId());
    tx.put("rrset", set);
    return { set, action: act({ command: "create_rrset", resources: [{ id: zone.id, type: "zone" }] }) };
  });
  return { status: 201, body: { rrset: render(cloud, set), action: renderAction(action) } };
}

function update(call: Call): Reply {
  const set = setOf(call);
  const input = parse(z.object({ labels: optional(labels) }), call.body);
  const changed = { ...set, labels: input.labels ?? set.labels };
  call.cloud.change((tx) => tx.put("rrset", changed));
  return { status: 200, body: { rrset: render(call.cloud, changed) } };
}

function remove(call: Call): Reply {
  const set = setOf(call);
  if (set.protection.change) throw isProtected("RRSet", "changes");
  if (set.type === "SOA") throw invalidField("type", "The SOA of a zone cannot be deleted.");
  const action = call.cloud.change((tx, act) => {
    tx.delete("rrset", set.id);
    return act({ command: "delete_rrset", resources: [{ id: set.zone, type: "zone" }] });
  });
  return { status: 201, body: { action: renderAction(action) } };
}

function changing<T>(
  command: string,
  schema: z.ZodType<T>,
  after: (set: RecordSet, input: T) => RecordSet,
): Route {
  return {
    method: "POST",
    path: `/zones/:zone/rrsets/:name/:type/actions/${command}`,
    handle: (call) => {
      const set = setOf(call);
      const input = parse(schema, call.body);
      if (set.protection.change && command !== "change_protection") throw isProtected("RRSet", "changes");
      const changed = after(set, input);
      const action = call.cloud.change((tx, act) => {
        // A set without records is gone, as in every zone.
        if (changed.records.length === 0) tx.delete("rrset", set.id);
        else tx.put("rrset", changed);
        return act({ command, resources: [{ id: set.zone, type: "zone" }] });
      });
      return actionReply(action);
    },
  };
}

const given = z.object({ records: recordsInput });

/** Record sets of DNS zones: kept and shown; no name server answers with them. */
export const recordSetRoutes: Route[] = [
  { method: "GET", path: "/zones/:zone/rrsets", handle: list },
  {
    method: "GET",
    path: "/zones/:zone/rrsets/:name/:type",
    handle: (call) => ({ status: 200, body: { rrset: render(call.cloud, setOf(call)) } }),
  },
  { method: "POST", path: "/zones/:zone/rrsets", handle: create },
  { method: "PUT", path: "/zones/:zone/rrsets/:name/:type", handle: update },
  { method: "DELETE", path: "/zones/:zone/rrsets/:name/:type", handle: remove },
  changing("change_protection", z.object({ change: boolean }), (set, { change }) => ({
    ...set,
    protection: { change },
  })),
  changing("change_ttl", z.object({ ttl: ttl.nullable() }), (set, input) => ({ ...set, ttl: input.ttl })),
  changing("set_records", given, (set, input) => ({ ...set, records: toRecords(set.type, input.records) })),
  changing("add_records", given.extend({ ttl: optional(ttl) }), (set, input) => ({
    ...set,
    ttl: input.ttl ?? set.ttl,
    records: toRecords(set.type, [...set.records, ...input.records]),
  })),
  changing("remove_records", given, (set, input) => {
    const missing = input.records.find(({ value }) => !set.records.some((one) => one.value === value));
    if (missing) throw invalidField("records", `there is no record with the value ${missing.value}`);
    const gone = new Set(input.records.map(({ value }) => value));
    return { ...set, records: set.records.filter(({ value }) => !gone.has(value)) };
  }),
  changing("update_records", given, (set, input) => {
    const comments = new Map(input.records.map(({ value, comment }) => [value, comment ?? ""]));
    const missing = [...comments.keys()].find((value) => !set.records.some((one) => one.value === value));
    if (missing) throw invalidField("records", `there is no record with the value ${missing}`);
    const records = set.records.map((one) => ({ ...one, comment: comments.get(one.value) ?? one.comment }));
    return { ...set, records };
  }),
];
