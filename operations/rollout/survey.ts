import type { Pending } from "../verify/checks/pendingRestarts.ts";
import { unitsOf } from "./packageUnits.ts";
import { isIdle, type Kind, type MachineWork, restartsInOrder, type Survey } from "./work.ts";

/** Fetched lists of packages are believed for so long (minutes). */
const LISTS_GOOD_FOR = 60;

/**
 * A shell script that looks at a machine: what apt would bring, and whether it has to reboot. It brings the lists of
 * packages up to date and changes nothing else. Lines of a word and its values, separated by tabs.
 */
export function surveyCommand({ only }: Pick<Wanted, "only">): string {
  const updates = only === null || only.includes("packages") || only.includes("security");
  return [SAY, ...(updates ? [PACKAGES] : []), REBOOT].join("\n");
}

const SAY = `
say() { printf '%s\\t' "$@"; echo; }
say since "$(date +%s)"
say boot "$(cat /proc/sys/kernel/random/boot_id)"`;

const PACKAGES = `
stamp=/var/lib/phasewise/package-lists
if [ -z "$(find $stamp -mmin -${LISTS_GOOD_FOR} 2>/dev/null)" ]; then
  if apt-get -qq -o DPkg::Lock::Timeout=120 update >/dev/null 2>&1; then touch $stamp; else say stale; fi
fi
apt-cache policy $(apt-mark showhold) | awk '
  /^[^ ]/ { name = $1; sub(/:$/, "", name) } /Installed:/ { from = $2 }
  /Candidate:/ { print "held\\t" name "\\t" from "\\t" $2 "\\t" }'
apt-get -s upgrade 2>/dev/null | sed -n 's/^Inst \\([^ ]*\\) .*Debian-Security.*/security\\t\\1\\t/p'`;

const REBOOT = `
if [ -e /run/reboot-required ]; then
  say reboot "an update asks for it: $(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\\n' ' ')"
fi
newest=$(ls /boot/vmlinuz-* 2>/dev/null | sort -V | tail -n 1)
if [ -n "$newest" ] && [ "$newest" != "/boot/vmlinuz-$(uname -r)" ]; then
  say reboot "the kernel \${newest#/boot/vmlinuz-} is installed, $(uname -r) runs"
fi`;

/** @param text What the script printed. @throws Where it was cut off. */
export function parseSurvey(machine: string, text: string): Survey & { stale: boolean } {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const values = (word: string) => lines.filter((line) => line[0] === word).map((line) => line.slice(1));
  const [since] = values("since");
  const [boot] = values("boot");
  if (!since?.[0] || !boot?.[0]) throw new Error(`${machine} says nothing of itself: ${text.slice(0, 200)}`);
  return {
    machine,
    since: Number(since[0]),
    bootId: boot[0].trim(),
    security: values("security").map(([name]) => name!),
    packages: values("held")
      .filter(([, from, to]) => from !== to && from !== "(none)" && to !== "(none)")
      .map(([name, from, to]) => ({ name: name!, from: from!, to: to! })),
    reboot: values("reboot")[0]?.[0]?.trim() ?? null,
    stale: values("stale").length > 0,
  };
}

export interface Wanted {
  /** All where it is left out. */
  only: Kind[] | null;
  /** Every machine reboots, whether it has to or not. */
  reboot: boolean;
}

/** What is to be done on a machine, of all that waits there. */
export function workOf(survey: Survey, pending: Pending[], { only, reboot }: Wanted): MachineWork {
  const wants = (kind: Kind) => only === null || only.includes(kind);
  const packages = wants("packages") ? survey.packages : [];
  const waiting = pending.filter((one) => one.machine === survey.machine);
  const updated = packages.flatMap(({ name }) =>
    unitsOf(name).map((what) => ({ what, reason: `${name} is updated` })),
  );
  const restarts = wants("restarts") ? waiting.map(({ reason, what }) => ({ what, reason })) : [];
  return {
    machine: survey.machine,
    since: survey.since,
    bootId: survey.bootId,
    security: wants("security") ? survey.security : [],
    packages,
    restarts: restartsInOrder([...restarts, ...updated]),
    reboot: reboot ? (survey.reboot ?? "asked for") : wants("reboot") ? survey.reboot : null,
  };
}

/** Without machines on which nothing is to be done. */
export function withoutIdle(work: MachineWork[]): MachineWork[] {
  return work.filter((one) => !isIdle(one));
}
