import { quote } from "../../../clients/ssh/quote.ts";
import { POSTGRES_SOCKET, postgresData } from "../../../roles/paths.ts";
import type { Machine } from "../../topology.ts";
import { patroniCommand } from "../../verify/patroni.ts";
import { PAUSE, RESUME } from "../drain/poolers.ts";
import { unitsOf } from "../packageUnits.ts";
import type { MachineWork } from "../work.ts";

/**
 * Prints, for each of a machine's restarts, its name, when it was started last, and when a package of it was installed
 * last; all in seconds by the machine's own clock.
 */
export function startsCommand({ packages, restarts }: MachineWork, postgresVersion: number): string {
  return restarts
    .map(({ what }) => {
      const started =
        what === "PostgreSQL"
          ? `sed -n 3p ${postgresData(postgresVersion)}/postmaster.pid 2>/dev/null`
          : `systemctl show -p ActiveEnterTimestamp --value --timestamp=unix ${quote(what)} | tr -d @`;
      const lists = packages
        .filter(({ name }) => unitsOf(name).includes(what))
        .map(({ name }) => `$(dpkg-query --control-path ${quote(name)} list)`);
      const installed = lists.length === 0 ? "echo 0" : `stat -c %Y ${lists.join(" ")} | sort -n | tail -n 1`;
      return `printf '%s\\t%s\\t%s\\n' ${quote(what)} "$(${started})" "$(${installed})"`;
    })
    .join("\n");
}

/** Those that were not started since the machine was looked at and their packages came. */
export function notStarted(text: string, { since }: Pick<MachineWork, "since">): string[] {
  return text
    .split("\n")
    .filter((line) => line.includes("\t"))
    .map((line) => line.split("\t") as [string, string, string])
    .filter(([, started, installed]) => Number(started || 0) < Math.max(since, Number(installed)))
    .map(([what]) => what);
}

/** Restarts one thing; returns when it answers again. */
export function restartCommand(machine: Machine, what: string): string {
  if (what !== "PostgreSQL" && what !== "patroni.service") return `systemctl restart ${quote(what)}`;
  const body = `-X POST -H 'Content-Type: application/json' -d '{"timeout": 300}'`;
  const act =
    what === "PostgreSQL"
      ? `${patroniCommand(machine, "/restart", `--max-time 330 ${body}`)} >&2`
      : "systemctl restart patroni.service";
  return `${act}\n${ANSWERS}`;
}

const ANSWERS = `for i in $(seq 240); do runuser -u postgres -- psql -h ${POSTGRES_SOCKET} -d postgres -qXAtc 'SELECT 1' >/dev/null 2>&1 && break; [ "$i" = 240 ] && exit 1; sleep 0.5; done`;

/** The same while the clients of this machine's own poolers wait; they are let go on however it ends. */
export function heldHere(act: string): string {
  return [`trap ${quote(RESUME)} EXIT`, PAUSE, act].join("\n");
}

/** What runs on a gateway while its clients are held for something elsewhere: until told, or the time is over. */
export function holdCommand(seconds: number): string {
  const script = [
    `trap ${quote(RESUME)} EXIT`,
    `rm -f ${RELEASE}`,
    PAUSE,
    `touch ${HELD}`,
    `for i in $(seq ${seconds * 10}); do [ -e ${RELEASE} ] && break; sleep 0.1; done`,
  ].join("\n");
  return [
    `rm -f ${HELD}`,
    `systemd-run --quiet --collect --unit=phasewise-rollout-hold sh -c ${quote(script)}`,
    `for i in $(seq 100); do [ -e ${HELD} ] && exit 0; sleep 0.1; done; exit 1`,
  ].join("\n");
}

const HELD = "/run/phasewise-rollout-held";
const RELEASE = "/run/phasewise-rollout-release";
export const RELEASE_CLIENTS = `touch ${RELEASE}`;
