import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { isUnreachable, type Machines } from "../../machines.ts";
import type { Machine } from "../../topology.ts";
import { PAUSE } from "../drain/poolers.ts";

/** How long a machine may be away (milliseconds): firmware, file systems, a database that replays its log. */
const BACK_WITHIN = 600_000;

const BOOT_ID = "cat /proc/sys/kernel/random/boot_id";

/** @returns Null where the machine does not answer. */
export async function bootId(machines: Machines, machine: Machine): Promise<string | null> {
  try {
    return (await machines.run(machine, BOOT_ID)).trim();
  } catch (error) {
    if (isUnreachable(error)) return null;
    throw error;
  }
}

/**
 * Reboots a machine and waits until it answers again. Where clients are connected to its poolers still, they get to
 * the end of their transactions first.
 */
export async function reboot(machines: Machines, machine: Machine, ctx: OperationContext): Promise<void> {
  const before = await bootId(machines, machine);
  const hold = machine.roles.includes("pgbouncer") ? `${PAUSE}; ` : "";
  // Answers before it goes, so that a lost connection is no failure.
  const command = `${hold}systemd-run --quiet --collect --on-active=0.2 systemctl reboot`;
  if (before !== null) await machines.run(machine, command);
  const end = Date.now() + BACK_WITHIN;
  for (;;) {
    await sleep(500);
    const now = await bootId(machines, machine).catch(() => null);
    if (now !== null && now !== before) break;
    if (Date.now() > end) throw away(machine.name);
  }
  await machines.run(machine, "systemctl is-system-running --wait >/dev/null || true");
  ctx.onLine(`  ${machine.name} is back`);
}

function away(name: string): Problem {
  return new Problem({
    happened: `${name} was told to reboot and does not come back.`,
    todo: ["Look at its console at Hetzner; turn it on there if it is off."],
  });
}
