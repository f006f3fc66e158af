import { getOne, type HetznerItem, listAll } from "../../../clients/hetzner.ts";
import type { Topology } from "../../../infra/topology.ts";
import { type Check, combine, type Finding } from "../check.ts";

type Carrier = { name: string; roles: string[] };

/** What may be open to the internet, on which machines, and to whom. */
const ports = [
  { port: "22", role: null, to: "operators", name: "SSH", short: "SSH open to" },
  { port: "6432", role: "pgbouncer", to: "database", name: "the database's port", short: "the database to" },
  { port: "6433", role: "pgbouncer", to: "database", name: "the port for reads", short: "reads to" },
  { port: "6379", role: "redis", to: "database", name: "the cache's port", short: "the cache to" },
] as const;

function carries({ roles }: Carrier, { role }: (typeof ports)[number]): boolean {
  return role === null || roles.includes(role);
}

function openTo(each: (typeof ports)[number], machine: Carrier, declared: Topology["firewall"]): string[] {
  return carries(machine, each) ? declared[each.to] : [];
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
      const group = { name: machine.name, roles: rolesOfGroup(machine.name, topology.machines) };
      return judgeCloud(group, appliedRules(server, firewalls), topology.firewall, topology.stack);
    });
    return combine(await Promise.all(findings));
  },
};

/** Machines of a group share a firewall: what one of them carries is let in to all, where their own firewall stands. */
function rolesOfGroup(name: string, machines: Carrier[]): string[] {
  const groupOf = (machine: string) => machine.replace(/-\d+$/, "");
  return machines.filter((machine) => groupOf(machine.name) === groupOf(name)).flatMap(({ roles }) => roles);
}

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
  machine: Carrier,
  rules: Rule[] | null,
  declared: Topology["firewall"],
  stack: string,
): Finding {
  const fix = `npx phasewise up ${stack}; rules that were changed by hand: delete them at Hetzner first`;
  if (!rules) return { ok: false, detail: `${machine.name} has no firewall: everything reaches it`, fix };
  const open = rules.filter((rule) => rule.direction === "in" && rule.protocol !== "icmp");
  const sources = (port: string) =>
    open.filter((rule) => rule.port === port).flatMap((rule) => rule.source_ips);
  const extra = open.filter((rule) => !ports.some(({ port }) => port === rule.port));
  return combine([
    compare(machine, sources, declared, fix),
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
  machine: Carrier,
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
  return compare(machine, sources, declared, fix);
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

/** @param found Who reaches a port from the internet. */
function compare(
  machine: Carrier,
  found: (port: string) => string[],
  declared: Topology["firewall"],
  fix: string,
): Finding {
  const faults = ports.flatMap((each) =>
    difference(`${machine.name}: ${each.name}`, found(each.port), openTo(each, machine, declared)),
  );
  if (faults.length > 0) return { ok: false, detail: faults.join("; "), fix };
  const shown = ports
    .filter((each) => each.port !== "6379" || carries(machine, each))
    .map((each) => `${each.short} ${told(openTo(each, machine, declared))}`);
  return { ok: true, detail: `${machine.name}: ${shown.join(", ")}` };
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
