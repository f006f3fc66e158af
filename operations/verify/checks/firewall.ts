import { getOne, type HetznerItem, listAll } from "../../../clients/hetzner.ts";
import type { Topology } from "../../../infra/topology.ts";
import { type Check, combine, type Finding } from "../check.ts";

/** What may come in on a port from the internet. */
export interface Openings {
  ssh: string[];
  database: string[];
}

/** Hetzner's firewall in front of each machine's public address. */
export const cloudFirewall: Check = {
  name: "cloud-firewall",
  async run(world) {
    const { topology, cloud } = world;
    if ("unavailable" in cloud) return { ok: false, detail: `could not be asked: ${cloud.unavailable}` };
    const firewalls = await listAll(cloud, "firewalls");
    const findings = topology.machines.map(async (machine) => {
      const server = await getOne(cloud, "servers", machine.serverId);
      if (!server) return gone(machine.name, topology.stack);
      return judgeCloud(machine, appliedRules(server, firewalls), topology.firewall, topology.stack);
    });
    return combine(await Promise.all(findings));
  },
};

interface Rule {
  direction: string;
  protocol: string;
  port: string | null;
  source_ips: string[];
}

function gone(machine: string, stack: string): Finding {
  return { ok: false, detail: `${machine} does not exist at Hetzner`, fix: `npx phasewise up ${stack}` };
}

/** The rules of the firewalls that are in force; null where none is. */
function appliedRules(server: HetznerItem, firewalls: HetznerItem[]): Rule[] | null {
  const net = server.public_net as { firewalls?: { id: number; status: string }[] };
  const ids = (net.firewalls ?? []).filter((one) => one.status === "applied").map((one) => one.id);
  if (ids.length === 0) return null;
  return firewalls.filter((one) => ids.includes(one.id)).flatMap((one) => one.rules as Rule[]);
}

/** @param rules Null where no firewall is applied, so that everything comes in. */
export function judgeCloud(
  machine: { name: string; roles: string[] },
  rules: Rule[] | null,
  declared: Topology["firewall"],
  stack: string,
): Finding {
  const fix = `npx phasewise up ${stack}; rules that were changed by hand: delete them at Hetzner first`;
  if (!rules) return { ok: false, detail: `${machine.name} has no firewall: everything reaches it`, fix };
  const open = rules.filter((rule) => rule.direction === "in" && rule.protocol !== "icmp");
  const sources = (port: string) =>
    open.filter((rule) => rule.port === port).flatMap((rule) => rule.source_ips);
  const extra = open.filter((rule) => !["22", "6432"].includes(rule.port ?? ""));
  return combine([
    compare(machine, { ssh: sources("22"), database: sources("6432") }, declared, fix),
    ...extra.map((rule) => ({
      ok: false,
      detail: `${machine.name}: ${rule.protocol} ${rule.port ?? "any"} is open to ${rule.source_ips.join(", ")}`,
      fix,
    })),
  ]);
}

/** The machine's own firewall, which also covers the private network. */
export const machineFirewall: Check = {
  name: "machine-firewall",
  async run(world) {
    const { topology } = world;
    const findings = topology.machines.map(async (machine) => {
      const text = await world.run(machine, "nft --json list table inet phasewise 2>/dev/null || echo '{}'");
      return judgeMachine(machine, JSON.parse(text) as NftTable, topology.firewall, topology.stack);
    });
    return combine(await Promise.all(findings));
  },
};

/** What of `nft --json list table` is looked at. */
export interface NftTable {
  nftables?: { chain?: { name: string; policy?: string }; rule?: { chain: string; expr: NftExpression[] } }[];
}

type NftExpression = {
  match?: { left: { meta?: { key: string }; payload?: { field: string } }; right: unknown };
  accept?: null;
};

export function judgeMachine(
  machine: { name: string; roles: string[] },
  table: NftTable,
  declared: Topology["firewall"],
  stack: string,
): Finding {
  const objects = table.nftables ?? [];
  const fix = `npx phasewise up ${stack}, or on the machine: systemctl reload phasewise-firewall`;
  const input = objects.find((object) => object.chain?.name === "input")?.chain;
  if (input?.policy !== "drop") {
    return { ok: false, detail: `${machine.name}: its own firewall is not loaded`, fix };
  }
  const rules = objects.flatMap((object) => (object.rule?.chain === "input" ? [object.rule.expr] : []));
  const open = rules.filter((expressions) => matched(expressions, "iifname").includes("eth0"));
  const sources = (port: string) =>
    open.filter((expressions) => matched(expressions, "dport").includes(port)).flatMap(sourcesOf);
  return compare(machine, { ssh: sources("22"), database: sources("6432") }, declared, fix);
}

function matched(expressions: NftExpression[], what: string): string[] {
  return expressions.flatMap(({ match }) =>
    match && (match.left.meta?.key === what || match.left.payload?.field === what) ? values(match.right) : [],
  );
}

/** No match of a source: everybody of that family. */
function sourcesOf(expressions: NftExpression[]): string[] {
  const named = matched(expressions, "saddr");
  if (named.length > 0) return named;
  return matched(expressions, "nfproto").map((family) => (family === "ipv6" ? "::/0" : "0.0.0.0/0"));
}

/** nft writes one value plainly, several as a set, and networks as a prefix. */
function values(right: unknown): string[] {
  if (typeof right !== "object" || right === null) return [String(right)];
  const { set, prefix } = right as { set?: unknown[]; prefix?: { addr: string; len: number } };
  if (prefix) return [`${prefix.addr}/${prefix.len}`];
  return (set ?? []).flatMap(values);
}

function compare(
  machine: { name: string; roles: string[] },
  found: Openings,
  declared: Topology["firewall"],
  fix: string,
): Finding {
  const database = machine.roles.includes("pgbouncer") ? declared.database : [];
  const faults = [
    ...difference(`${machine.name}: SSH`, found.ssh, declared.operators),
    ...difference(`${machine.name}: the database's port`, found.database, database),
  ];
  if (faults.length > 0) return { ok: false, detail: faults.join("; "), fix };
  return {
    ok: true,
    detail: `${machine.name}: SSH open to ${told(declared.operators)}, the database to ${told(database)}`,
  };
}

function difference(what: string, found: string[], declared: string[]): string[] {
  const [is, wanted] = [normal(found), normal(declared)];
  return is.join() === wanted.join() ? [] : [`${what} is open to ${told(is)}, declared: ${told(wanted)}`];
}

/** A single address is a network of one. */
function normal(sources: string[]): string[] {
  const whole = sources.map((source) => {
    if (source.includes("/")) return source;
    return `${source}/${source.includes(":") ? 128 : 32}`;
  });
  return [...new Set(whole)].sort();
}

function told(sources: string[]): string {
  return sources.length > 0 ? sources.join(", ") : "nobody";
}
