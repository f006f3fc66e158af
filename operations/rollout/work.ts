import { z } from "zod";

/** The kinds of planned work, in the order in which a machine gets them. */
export const KINDS = ["security", "packages", "restarts", "reboot"] as const;
export type Kind = (typeof KINDS)[number];

export const machineWork = z.object({
  machine: z.string(),
  /** Seconds since 1970 by the machine's own clock: what started later was restarted. */
  since: z.number(),
  /** The kernel's name for the machine's present boot. */
  bootId: z.string(),
  /** Packages of Debian's security origin that unattended upgrades would bring. */
  security: z.array(z.string()),
  /** Held packages with a newer version. */
  packages: z.array(z.object({ name: z.string(), from: z.string(), to: z.string() })),
  /** "PostgreSQL" or a unit, and why, in the order in which they are done. */
  restarts: z.array(z.object({ what: z.string(), reason: z.string() })),
  /** Why it has to reboot; null where it has not. */
  reboot: z.string().nullable(),
});

/** What is to be done on one machine. */
export type MachineWork = z.infer<typeof machineWork>;

/** What one machine said of itself. */
export type Survey = Omit<MachineWork, "restarts">;

/** Where a machine stands among the others. */
export interface Standing {
  /** It is the primary of a cluster. */
  leads: boolean;
  /** It is a member of a cluster that has others. */
  replicated: boolean;
}

/** Units by who needs whom: the store first, then what asks it. */
const unitOrder = ["etcd.service", "patroni.service", "PostgreSQL", "haproxy.service"];

/** What has to be restarted, each once. A restart of Patroni's unit restarts its PostgreSQL too. */
export function restartsInOrder(restarts: MachineWork["restarts"]): MachineWork["restarts"] {
  const reasons = new Map<string, string[]>();
  for (const { reason, what } of restarts) reasons.set(what, [...(reasons.get(what) ?? []), reason]);
  if (reasons.has("patroni.service")) reasons.delete("PostgreSQL");
  const rank = (what: string) => (unitOrder.includes(what) ? unitOrder.indexOf(what) : unitOrder.length);
  return [...reasons]
    .map(([what, why]) => ({ what, reason: [...new Set(why)].join("; ") }))
    .sort((a, b) => rank(a.what) - rank(b.what) || a.what.localeCompare(b.what));
}

/** One machine after the other: what only serves first, then standbys, each primary last. */
export function inOrder<Work extends { machine: string }>(
  work: Work[],
  standing: (machine: string) => Standing,
): Work[] {
  const rank = (machine: string) => {
    const { leads, replicated } = standing(machine);
    return leads ? 2 : replicated ? 1 : 0;
  };
  return [...work].sort(
    (a, b) =>
      rank(a.machine) - rank(b.machine) || a.machine.localeCompare(b.machine, "en", { numeric: true }),
  );
}

export function isIdle({ packages, reboot, restarts, security }: MachineWork): boolean {
  return packages.length + restarts.length + security.length === 0 && reboot === null;
}

/** In words, as "restarts PostgreSQL (max_connections 100 -> 200)". */
export function describeWork({ packages, reboot, restarts, security }: MachineWork): string[] {
  return [
    ...(security.length > 0 ? [`security updates of ${security.join(", ")}`] : []),
    ...packages.map(({ from, name, to }) => `${name} ${from} -> ${to}`),
    ...(reboot === null
      ? restarts.map(({ reason, what }) => `restart of ${what} (${reason})`)
      : [`reboot (${reboot})`]),
  ];
}
