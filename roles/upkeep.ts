import { directory, file, lines, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { LIBEXEC, POSTGRES_SOCKET } from "./paths.ts";
import { databaseRoles } from "./sql/names.ts";
import { unitFile } from "./unit.ts";

export interface UpkeepSettings {
  /** The cluster's databases. */
  databases: string[];
}

const SCRIPT = `${LIBEXEC}/upkeep`;
const QUESTION = `${LIBEXEC}/upkeep-is-due`;
export const UPKEEP_UNIT = "phasewise-upkeep";

/**
 * Every five minutes the leader calls `phasewise.upkeep()` in its databases, which the `indexes` command installs:
 * materialized views are refreshed and partitions made ahead. It comes by the Unix socket as the database's owner,
 * never as superuser: what the owner wrote runs with the owner's rights.
 */
export function upkeep({ databases }: UpkeepSettings): RoleManifest {
  return role("upkeep", {
    directories: [directory(LIBEXEC)],
    files: [
      file(QUESTION, question(databases), { mode: "0755" }),
      file(SCRIPT, script(databases), { mode: "0755" }),
      file(`/etc/systemd/system/${UPKEEP_UNIT}.service`, SERVICE),
      file(`/etc/systemd/system/${UPKEEP_UNIT}.timer`, TIMER),
    ],
    units: [running(`${UPKEEP_UNIT}.timer`)],
  });
}

/** Exits 0 where there is something to call: PostgreSQL runs here, leads, and some database has the procedure. */
function question(databases: string[]): string {
  return lines(
    "#!/bin/sh",
    `for database in ${databases.join(" ")}; do`,
    `  due=$(psql -h ${POSTGRES_SOCKET} -d "$database" -XAtc "SELECT NOT pg_is_in_recovery() AND to_regprocedure('phasewise.upkeep()') IS NOT NULL" 2>/dev/null)`,
    '  [ "$due" != t ] || exit 0',
    "done",
    "exit 1",
  );
}

/** One database that fails keeps no other back. The procedure's own lines go to the journal. */
function script(databases: string[]): string {
  return lines(
    "#!/bin/sh",
    "failed=0",
    ...databases.flatMap((database) => [
      `psql -h ${POSTGRES_SOCKET} -U ${databaseRoles(database).owner} -d ${database} -XAtq -v ON_ERROR_STOP=1 <<'SQL' || failed=1`,
      "SELECT to_regprocedure('phasewise.upkeep()') IS NOT NULL AS installed \\gset",
      "\\if :installed",
      "CALL phasewise.upkeep();",
      "\\endif",
      "SQL",
    ]),
    "exit $failed",
  );
}

const SERVICE = unitFile({
  Unit: { Description: "Upkeep of materialized views and partitions", After: "patroni.service" },
  Service: {
    Type: "oneshot",
    User: "postgres",
    ExecCondition: QUESTION,
    ExecStart: SCRIPT,
    Nice: 10,
    TimeoutStartSec: "4h",
  },
});

/** A run that takes longer than five minutes is not joined by another one. */
const TIMER = unitFile({
  Unit: { Description: "Time of the upkeep of materialized views and partitions" },
  Timer: { OnCalendar: "*:0/5", AccuracySec: "1s", Unit: `${UPKEEP_UNIT}.service` },
  Install: { WantedBy: "timers.target" },
});
