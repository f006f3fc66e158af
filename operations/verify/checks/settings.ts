import type { Cluster } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";

/** One row of pg_settings, and what SHOW says. */
export interface Setting {
  name: string;
  /** In `unit`s where there is one. */
  setting: string;
  unit: string | null;
  vartype: "bool" | "enum" | "integer" | "real" | "string";
  shown: string;
  /** When it can be changed; "postmaster": at a start only. */
  context: string;
  pending_restart: boolean;
}

export type Declared = Record<string, string | number | boolean>;

export const settings: Check = {
  name: "settings",
  async run(world) {
    const { clusters, stack } = world.topology;
    const findings = clusters.map(async (cluster) =>
      judge(cluster.name, cluster.parameters, await readSettings(world, cluster), stack),
    );
    return combine(await Promise.all(findings));
  },
};

/** What runs of what is declared. */
export function readSettings(world: Pick<World, "sql">, cluster: Cluster): Promise<Setting[]> {
  return world.sql(cluster, "monitor", ({ rows }) =>
    rows<Setting>(
      `SELECT name, setting, unit, vartype, context, current_setting(name) AS shown, pending_restart
       FROM pg_settings WHERE lower(name) = ANY($1)`,
      [Object.keys(cluster.parameters).map((name) => name.toLowerCase())],
    ),
  );
}

export function judge(cluster: string, declared: Declared, found: Setting[], stack: string): Finding {
  const faults = compare(declared, found).flatMap(({ name, value, setting }) => {
    if (!setting) return [`${name} is not known to PostgreSQL`];
    // What waits for a restart is told by its own check.
    return needsRestart(setting) ? [] : [`${name} is ${setting.shown}, ${value} is declared`];
  });
  if (faults.length === 0) {
    return { ok: true, detail: `${cluster}: ${Object.keys(declared).length} settings as declared` };
  }
  return { ok: false, detail: `${cluster}: ${faults.join("; ")}`, fix: `npx phasewise up ${stack}` };
}

/** What is declared and comes into force only with a restart, as "max_connections 100 -> 200". */
export function waitingSettings(declared: Declared, found: Setting[]): string[] {
  return compare(declared, found).flatMap(({ name, value, setting }) =>
    setting && needsRestart(setting) ? [`${name} ${setting.shown} -> ${value}`] : [],
  );
}

/** The declared values that differ from what runs; without a setting where PostgreSQL does not know the name. */
function compare(declared: Declared, found: Setting[]) {
  // Names are not case-sensitive: TimeZone is declared as timezone.
  const byName = new Map(found.map((setting) => [setting.name.toLowerCase(), setting]));
  return Object.entries(declared).flatMap(([name, value]) => {
    const setting = byName.get(name.toLowerCase());
    return setting && isSame(value, setting) ? [] : [{ name, value, setting }];
  });
}

function needsRestart(setting: Setting): boolean {
  return setting.pending_restart || setting.context === "postmaster";
}

/** Bytes and milliseconds of PostgreSQL's units (documentation, "Setting Parameters"). */
const units: Record<string, number> = {
  B: 1,
  kB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Whether a declared value and a running setting mean the same, whatever units they are written in. */
export function isSame(declared: string | number | boolean, found: Setting): boolean {
  const text = String(declared).trim();
  if (found.vartype === "bool") return truth(text) === truth(found.setting);
  if (found.vartype === "enum") return text.toLowerCase() === found.setting.toLowerCase();
  if (found.vartype === "string") return words(text) === words(found.setting);
  const wanted = amount(text, found.unit);
  const running = amount(found.setting, found.unit);
  // PostgreSQL rounds to whole units.
  return wanted !== null && running !== null && Math.abs(wanted - running) <= unitSize(found.unit) / 2;
}

function truth(text: string): boolean {
  return ["on", "true", "yes", "1"].includes(text.toLowerCase());
}

/** Lists are compared without their spaces. */
function words(text: string): string {
  return text
    .split(",")
    .map((word) => word.trim())
    .join(",");
}

/** In bytes or milliseconds; a number without a unit is in the setting's own. */
function amount(text: string, unit: string | null): number | null {
  const match = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text);
  if (!match) return null;
  const size = match[2] ? units[match[2]] : unitSize(unit);
  return size === undefined ? null : Number(match[1]) * size;
}

/** Of "8kB", for one: 8192. Settings without a unit count in ones. */
function unitSize(unit: string | null): number {
  const match = /^(\d*)([A-Za-z]+)$/.exec(unit ?? "");
  return match ? Number(match[1] || 1) * (units[match[2]!] ?? 1) : 1;
}
