import { segment } from "../api/client.ts";
import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { must, onCodes } from "../parts/collection.ts";
import { frameworkLabels } from "../parts/fields.ts";
import { bool, type HcloudType, int, set, string, type Values } from "../schema.ts";
import { ordered } from "../values/order.ts";

interface ApiRrset {
  id: string;
  name: string;
  type: string;
  ttl: number | null;
  labels: Record<string, string>;
  protection: { change: boolean };
  records: { value: string; comment?: string }[];
  /** The zone's id. */
  zone: number;
}

const records = set({ value: string({ required: true }), comment: string() }, { required: true });

/** The zone is used as it was given, a name or an id. */
function path(zone: unknown, id?: string): string {
  const base = `/zones/${segment(String(zone))}/rrsets`;
  if (id === undefined) return base;
  const [name = "", type = ""] = splitLast(id);
  return `${base}/${segment(name)}/${segment(type)}`;
}

/** A record's name may hold a slash, its type never does. */
function splitLast(id: string): [string, string] {
  const slash = id.lastIndexOf("/");
  return [id.slice(0, slash), id.slice(slash + 1)];
}

async function lookup(op: Operation, zone: unknown, id: string): Promise<ApiRrset | null> {
  return (await op.api.find<{ rrset: ApiRrset }>(path(zone, id)))?.rrset ?? null;
}

function values(zone: unknown, rrset: ApiRrset): Values {
  return {
    zone,
    name: rrset.name,
    type: rrset.type,
    ttl: rrset.ttl,
    labels: rrset.labels,
    changeProtection: rrset.protection.change,
    records: rrset.records.map(({ value, comment }) => ({
      value: rrset.type === "SOA" ? withoutSerial(value) : value,
      comment: comment || null,
    })),
  };
}

/** The API counts the serial of an SOA record up by itself: it is no change. */
function withoutSerial(value: string): string {
  const parts = value.split(" ");
  if (parts.length > 2) parts[2] = "0";
  return parts.join(" ");
}

function recordsBody(values: Values) {
  return ordered(records, values.records as Values[]).map((record) => {
    const { value, comment } = record as Values;
    return comment === null ? { value } : { value, comment };
  });
}

async function post(op: Operation, at: string, action: string, body: object): Promise<Action> {
  return (await op.api.post<{ action: Action }>(`${at}/actions/${action}`, body)).action;
}

async function make(op: Operation): Promise<{ rrset: ApiRrset; action?: Action }> {
  const { zone, name, type, ttl, labels } = op.values;
  if (type === "SOA") {
    op.warn("SOA records are managed by the API: this one is taken into the state, not created.");
    const rrset = must(await lookup(op, zone, `${name}/${type}`), `The record set ${name}/${type}`);
    return { rrset };
  }
  const body = { name, type, ttl: ttl ?? undefined, labels, records: recordsBody(op.values) };
  return await op.api.post<{ rrset: ApiRrset; action: Action }>(path(zone), body);
}

export default {
  token: "hcloud:index/zoneRrset:ZoneRrset",
  flavour: "framework",
  fields: {
    zone: string({ required: true, replaces: true }),
    name: string({ required: true, replaces: true, autoName: true }),
    type: string({ required: true, replaces: true }),
    ttl: int(),
    labels: frameworkLabels,
    changeProtection: bool({ computed: true, unknownOnUpdate: true }),
    records,
  },
  async create(op) {
    const { zone, changeProtection } = op.values;
    const { rrset, action } = await make(op);
    op.made(rrset.id);
    const actions = [action];
    if (changeProtection !== null) {
      const at = path(rrset.zone, rrset.id);
      actions.push(await post(op, at, "change_protection", { change: changeProtection }));
    }
    await op.api.wait(...actions);
    return values(zone, must(await lookup(op, zone, rrset.id), `The record set ${rrset.id}`));
  },
  async read(op) {
    // An import names the zone as well: <zone>/<name>/<type>.
    const [, importZone, importId] = /^([^/]+)\/(.+\/[^/]+)$/.exec(op.id) ?? [];
    const known = op.values.zone ?? null;
    const zone = known ?? importZone;
    const id = known === null ? importId : op.id;
    if (zone === undefined || id === undefined) {
      throw new Error(`The id "${op.id}" cannot be imported: it must be <zone>/<name>/<type>.`);
    }
    const found = await lookup(op, zone, id);
    return found === null ? null : { id, values: values(zone, found) };
  },
  async update(op) {
    const { zone, ttl, labels, changeProtection } = op.values;
    const at = path(zone, op.id);
    const protect = async () => {
      await op.api.wait(await post(op, at, "change_protection", { change: changeProtection }));
    };
    const protection = op.asks("changeProtection");
    // Protection is lifted before anything else, and set when all is done.
    if (protection && changeProtection !== true) await protect();
    const actions: Action[] = [];
    if (op.changes("ttl")) actions.push(await post(op, at, "change_ttl", { ttl }));
    if (op.changes("records")) {
      actions.push(await post(op, at, "set_records", { records: recordsBody(op.values) }));
    }
    await op.api.wait(...actions);
    const { rrset } = await op.api.put<{ rrset: ApiRrset }>(at, op.changes("labels") ? { labels } : {});
    if (!protection || changeProtection !== true) return values(zone, rrset);
    await protect();
    return { ...values(zone, rrset), changeProtection: true };
  },
  async delete(op) {
    if (op.values.type === "SOA") {
      op.warn("SOA records are managed by the API: this one only leaves the state.");
      return;
    }
    try {
      const at = path(op.values.zone, op.id);
      await op.api.wait((await op.api.delete<{ action?: Action }>(at)).action);
    } catch (error) {
      if (!onCodes("not_found")(error)) throw error;
    }
  },
} satisfies HcloudType;
