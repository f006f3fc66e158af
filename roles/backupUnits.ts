import { readFileSync } from "node:fs";
import { directory, file, role, running } from "./build.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import { BACKUP_SPOOL, LIBEXEC, PORTS, POSTGRES_SOCKET, postgresData, TEXTFILES } from "./paths.ts";
import type { PgbackrestSettings, Weekday } from "./pgbackrest.ts";
import { minutesOfDay } from "./timeOfDay.ts";
import { unitFile } from "./unit.ts";

/** As systemd's calendar writes them, in its order. */
const WEEKDAYS: Record<Weekday, string> = {
  monday: "Mon",
  tuesday: "Tue",
  wednesday: "Wed",
  thursday: "Thu",
  friday: "Fri",
  saturday: "Sat",
  sunday: "Sun",
};

/** Makes backups; see its own words. */
export const BACKUP_PROGRAM = `${LIBEXEC}/backup`;
const FOLDER = "/etc/phasewise/backup";
/** Where pgBackRest finds the cluster's other members when it makes a backup. */
export const PEERS = "/etc/pgbackrest/peers";
const source = (name: string) => readFileSync(new URL(`./${name}`, import.meta.url), "utf8");
/** What the program needs beside itself. */
const LIBRARIES = ["backupMachine.py", "backupRules.py"];

/** The unit that makes a backup now, on the machine where it is started. */
export function backupUnit(type: "full" | "diff"): string {
  return `phasewise-backup@${type}.service`;
}

/** Reads all that the repository holds and compares it with its checksums; does nothing on a standby. */
export const VERIFY_UNIT = "phasewise-backup-verify.service";
/** Ends a time in which log was given up, makes up for missed backups, tells numbers. */
export const WATCH_UNIT = "phasewise-backup-watch.service";
/** What `backup watch` tells Prometheus: its last words stay there where it is ended. */
export const BACKUP_NUMBERS = `${TEXTFILES}/phasewise-backup.prom`;

type Parts = Required<Pick<RoleManifest, "directories" | "files" | "units">>;

/** When backups are made, and by which member. */
export function backupUnits(settings: PgbackrestSettings): Parts {
  return role("", {
    directories: [directory(LIBEXEC), directory(FOLDER)],
    files: [
      ...LIBRARIES.map((name) => file(`${LIBEXEC}/${name}`, source(name))),
      file(BACKUP_PROGRAM, source("backup.py"), { mode: "0755" }),
      file(`${FOLDER}/settings.json`, `${JSON.stringify(programSettings(settings), null, 2)}\n`),
      unit("phasewise-backup@.service", MAKE),
      unit("phasewise-backup-due@.service", DUE),
      timer("full", settings.time, [settings.fullOn]),
      timer("diff", settings.time, otherDays(settings.fullOn)),
      unit(VERIFY_UNIT, VERIFY),
      verifyTimer(settings),
      unit(WATCH_UNIT, WATCH),
      unit("phasewise-backup-watch.timer", WATCH_TIMER),
    ],
    units: [
      running("phasewise-backup-full.timer"),
      running("phasewise-backup-diff.timer"),
      running("phasewise-backup-verify.timer"),
      running("phasewise-backup-watch.timer"),
    ],
  });
}

function programSettings({
  stanza,
  name,
  address,
  peers,
  time,
  fullOn,
  postgresVersion,
  second,
}: PgbackrestSettings) {
  return {
    stanza,
    name,
    address,
    patroni: PORTS.patroni,
    socket: POSTGRES_SOCKET,
    spool: BACKUP_SPOOL,
    data: postgresData(postgresVersion),
    peers: peers.length > 0 ? PEERS : null,
    at: minutesOfDay(time),
    fullOn: Object.keys(WEEKDAYS).indexOf(fullOn),
    repositories: second === null ? [1] : [1, 2],
    textfiles: TEXTFILES,
  };
}

function unit(name: string, content: string): ManagedFile {
  return file(`/etc/systemd/system/${name}`, content);
}

const network = { After: "patroni.service network-online.target", Wants: "network-online.target" };

/** 75: another one is being made, and nothing failed. */
const MAKE = unitFile({
  Unit: { Description: "Backup of PostgreSQL (%i)", ...network },
  Service: {
    Type: "oneshot",
    User: "postgres",
    ExecStart: `${BACKUP_PROGRAM} make %i`,
    SuccessExitStatus: 75,
    Nice: 10,
    IOSchedulingPriority: 7,
    TimeoutStartSec: "12h",
  },
});

const DUE = unitFile({
  Unit: {
    Description: "Whether this member makes the backup (%i)",
    ...network,
    StartLimitIntervalSec: 0,
  },
  Service: {
    Type: "oneshot",
    ExecStart: `${BACKUP_PROGRAM} due %i`,
    Restart: "on-failure",
    RestartSec: 30,
  },
});

const VERIFY = unitFile({
  Unit: { Description: "Check of all that the backups' repository holds", ...network },
  Service: {
    Type: "oneshot",
    User: "postgres",
    ExecStart: `${BACKUP_PROGRAM} verify`,
    Nice: 15,
    IOSchedulingPriority: 7,
    TimeoutStartSec: "24h",
  },
});

const WATCH = unitFile({
  Unit: { Description: "Looks after the archive and the backups", ...network },
  Service: {
    Type: "oneshot",
    ExecStart: `${BACKUP_PROGRAM} watch`,
    TimeoutStartSec: "10min",
    // It says what it does, and systemd not that it was asked again.
    LogLevelMax: "notice",
    SyslogLevel: "notice",
  },
});

const WATCH_TIMER = unitFile({
  Unit: { Description: "Time of the look after the archive and the backups" },
  Timer: { OnActiveSec: 10, OnUnitInactiveSec: 30, AccuracySec: "1s", Unit: WATCH_UNIT },
  Install: { WantedBy: "timers.target" },
});

/** On the day after the full backup, three hours after the time of backups. */
function verifyTimer({ fullOn, time: at }: Pick<PgbackrestSettings, "fullOn" | "time">): ManagedFile {
  const days = Object.values(WEEKDAYS);
  const day = days[(Object.keys(WEEKDAYS).indexOf(fullOn) + 1) % days.length]!;
  const [hour = "0", minute = "00"] = at.split(":");
  const later = String((Number(hour) + 3) % 24).padStart(2, "0");
  return unit(
    "phasewise-backup-verify.timer",
    unitFile({
      Unit: { Description: "Time of the weekly check of the backups" },
      Timer: {
        OnCalendar: `${day} *-*-* ${later}:${minute}:00 UTC`,
        Persistent: "yes",
        AccuracySec: "1min",
        Unit: VERIFY_UNIT,
      },
      Install: { WantedBy: "timers.target" },
    }),
  );
}

function otherDays(day: Weekday): Weekday[] {
  return (Object.keys(WEEKDAYS) as Weekday[]).filter((other) => other !== day);
}

/** Every member is asked, and one of them makes it. A run that was missed while the machine was off is made up for. */
function timer(type: "full" | "diff", time: string, days: Weekday[]): ManagedFile {
  return unit(
    `phasewise-backup-${type}.timer`,
    unitFile({
      Unit: { Description: `Time of the ${type} backup` },
      Timer: {
        OnCalendar: `${days.map((day) => WEEKDAYS[day]).join(",")} *-*-* ${time}:00 UTC`,
        Persistent: "yes",
        AccuracySec: "1s",
        Unit: `phasewise-backup-due@${type}.service`,
      },
      Install: { WantedBy: "timers.target" },
    }),
  );
}
