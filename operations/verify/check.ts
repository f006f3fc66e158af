import type { Redis } from "ioredis";
import type { HetznerAccess } from "../../clients/hetzner.ts";
import type { PostgresSession } from "../../clients/postgres.ts";
import type { Topology } from "../../infra/topology.ts";
import type { Cache, Cluster, Machine } from "../topology.ts";

/** What a check can ask. Connections are opened when they are first needed and shared by all checks. */
export interface World {
  topology: Topology;
  /** The cloud's API; a reason where this command has no access to it. */
  cloud: HetznerAccess | { unavailable: string };
  /** Runs a shell command as root on a machine and gives its standard output; throws where it fails. */
  run(machine: Machine, command: string): Promise<string>;
  /** Connects through the clients' endpoint. */
  sql<T>(cluster: Cluster, role: SqlRole, use: (session: PostgresSession) => Promise<T>): Promise<T>;
  /** Connects to a cache as the application does. */
  redis<T>(cache: Cache, use: (client: Redis) => Promise<T>): Promise<T>;
  now: Date;
}

export type SqlRole = keyof Cluster["roles"];

/** `fix` beside `ok: true`: nothing is broken, and there is something to be done. */
export interface Finding {
  ok: boolean;
  /** One line: what was found. */
  detail: string;
  /** What to do about it. */
  fix?: string;
}

/** One thing that must hold of a stack that runs. */
export interface Check {
  /** Stable: scripts look for it in `--json`. */
  name: string;
  run(world: World): Promise<Finding>;
}

export interface CheckResult extends Finding {
  name: string;
}

export interface VerifyReport {
  ok: boolean;
  checks: CheckResult[];
}

/** One finding of several: not ok where one is not, every detail told. */
export function combine(findings: Finding[]): Finding {
  const faults = findings.filter((finding) => !finding.ok);
  const told = faults.length > 0 ? faults : findings;
  const fixes = [...new Set(told.flatMap((finding) => finding.fix ?? []))];
  return {
    ok: faults.length === 0,
    detail: told.map((finding) => finding.detail).join("; "),
    ...(fixes.length > 0 ? { fix: fixes.join("; ") } : {}),
  };
}
