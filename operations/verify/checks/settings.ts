import { type Check, combine, type Finding } from "../check.ts";

/** One row of pg_settings, and what SHOW says. */
export interface Setting {
  name: string;
  /** In `unit`s where there is one. */
  setting: string;
  unit: string | null;
  vartype: "bool" | "enum" | "integer" | "real" | "string";
  shown: string;
  pending_restart: boolean;
}

export type Declared = Record<string, string | number | boolean>;

export const settings: Check = {
  name: "settings",
  async run(world) {
    const findings = world.topology.clusters.map((cluster) =>
      world.sql(cluster, "monitor", async ({ rows }) => {
        const found = await rows<Setting>(
          `SELECT name, setting, unit, vartype, current_setting(name) AS shown, pending_restart
           FROM pg_settings WHERE lower(name) = ANY($1)`,
          [Object.keys(cluster.parameters).map((name) => name.toLowerCase())],
        );
        return judge(cluster.name, cluster.parameters, found, world.topology.stack);
      }),
    );
    return combine(await Promise.all(findings));
  },
};

export function judge(cluster: string, declared: Declared, found: Setting[], stack: string): Finding {
  // Names are not case-sensitive: TimeZone is declared as timezone.
  const byName = new Map(found.map((setting) => [setting.name.toLowerCase(), setting]));
  const faults = Object.entries(declared).flatMap(([name, value]) => {
    const setting = byName.get(name.toLowerCase());
    if (!setting) return [`${name} is not known to PostgreSQL`];
    // What waits for a restart is told by its own check.
    if (setting.pending_restart || isSame(value, setting)) return [];
    return [`${name} is ${setting.shown}, ${value} is declared`];
  });
  if (faults.length === 0) {
    return { ok: true, detail: `${cluster}: ${Object.keys(declared).length} settings as declared` };
  }
  return { ok: false, detail: `${cluster}: ${faults.join("; ")}`, fix: `npx phasewise up ${stack}` };
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
