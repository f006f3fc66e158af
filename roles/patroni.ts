import { readFileSync } from "node:fs";
import { directory, file, lines, pending, reload, role, running } from "./build.ts";
import type { Probe, RoleManifest } from "./manifest.ts";
import { DATA, LIBEXEC, PORTS, POSTGRES_SOCKET, postgresBin, postgresData } from "./paths.ts";
import {
  BEFORE_STOP,
  PATRONI_NAMESPACE,
  type PatroniSettings,
  PG_REWIND,
  patroniConfiguration,
  STOP_FAST,
} from "./patroniConfiguration.ts";
import { nodeTls, nodeTlsFiles } from "./tls.ts";
import { dropIn, unitFile } from "./unit.ts";

const UNIT = "patroni.service";
/** Patroni reads every .yml file in it, in the order of their names, the later one winning. */
const CONFIGURATION = "/etc/patroni/member";
const WATCHDOG_SCRIPT = `${LIBEXEC}/patroni-watchdog`;
const WAIT_SCRIPT = `${LIBEXEC}/patroni-wait-for-etcd`;
const BOOTSTRAP = `${LIBEXEC}/patroni-bootstrap`;
const CHOOSE_SCRIPT = `${LIBEXEC}/patroni-choose-bootstrap`;
const BOOTSTRAP_SOURCE = readFileSync(new URL("./patroniBootstrap.py", import.meta.url), "utf8");

/** Debian packages of PostgreSQL under Patroni. Debian only recommends the last two, without which there is no etcd. */
export function patroniPackages(version: number): string[] {
  return [...held(version), "python3-etcd", "python3-dnspython"];
}

function held(version: number): string[] {
  return [
    "patroni",
    `postgresql-${version}`,
    `postgresql-${version}-pgvector`,
    `postgresql-client-${version}`,
  ];
}

/**
 * PostgreSQL under Patroni. The first start copies the data from the leader where there is one, restores it where the
 * repository of the backups holds some, and makes a new database cluster else; nothing here ever deletes data.
 */
export function patroni(settings: PatroniSettings): RoleManifest {
  const version = settings.postgresVersion;
  const tls = nodeTlsFiles("patroni", {
    owner: "postgres",
    onRenewal: reload(UNIT),
    onNewAuthority: pending(UNIT),
  });
  return role("patroni", {
    packages: patroniPackages(version),
    hold: held(version),
    directories: [
      ...tls.directories,
      directory(CONFIGURATION, { owner: "postgres", mode: "0700" }),
      directory(LIBEXEC),
      directory(`${DATA}/postgresql`, { owner: "postgres" }),
      directory(`${DATA}/postgresql/${version}`, { owner: "postgres" }),
      directory(postgresData(version), { owner: "postgres", mode: "0700" }),
    ],
    files: [
      ...tls.files,
      // Debian makes and starts a cluster of its own otherwise, on the system disk and on this port.
      file("/etc/postgresql-common/createcluster.d/phasewise.conf", "create_main_cluster = false\n", {
        beforePackages: true,
      }),
      file(`${CONFIGURATION}/10-member.yml`, patroniConfiguration(settings), {
        owner: "postgres",
        mode: "0600",
        onChange: reload(UNIT),
      }),
      file(WATCHDOG_SCRIPT, WATCHDOG, { mode: "0755" }),
      file(WAIT_SCRIPT, waitForEtcd(settings), { mode: "0755" }),
      file(PG_REWIND, rewind(version), { mode: "0755" }),
      file(BEFORE_STOP, beforeStop(version), { mode: "0755" }),
      file(BOOTSTRAP, BOOTSTRAP_SOURCE, { mode: "0755" }),
      file(CHOOSE_SCRIPT, chooseBootstrap(settings), { mode: "0755" }),
      file(dropIn(UNIT), unitDropIn(settings), { onChange: pending(UNIT) }),
    ],
    units: [
      { name: "postgresql.service", state: "stopped", stateful: true },
      running(UNIT, { stateful: true }),
    ],
    ready: settings.alone ? postgresRuns(version) : memberRuns(settings),
  });
}

function postgresRuns(version: number): Probe {
  return {
    name: "PostgreSQL accepts connections",
    // As postgres: anybody else on the socket is refused, and each refusal is a line in the log.
    // A restore takes as long as it takes, and the cluster waits for it: for this machine it is enough that it goes on.
    command: `runuser -u postgres -- ${postgresBin(version)}/pg_isready -q -h ${POSTGRES_SOCKET} || ${restoring(version)}`,
    deadlineSeconds: 120,
    units: [UNIT, "etcd.service"],
  };
}

/** Whether this machine restores, or replays what it restored. */
function restoring(version: number): string {
  const data = postgresData(version);
  const unfinished = `[ ! -e ${data}/global/pg_control ] || [ -e ${data}/recovery.signal ]`;
  return `{ [ -e ${CONFIGURATION}/30-bootstrap.yml ] && systemctl is-active -q ${UNIT} && { ${unfinished}; }; }`;
}

function memberRuns({ address }: PatroniSettings): Probe {
  const { ca, certificate, key } = nodeTls("root");
  return {
    name: "Patroni answers",
    command: `curl -sf --max-time 5 --cacert ${ca} --cert ${certificate} --key ${key} https://${address}:${PORTS.patroni}/liveness`,
    deadlineSeconds: 60,
    units: [UNIT],
  };
}

/**
 * Whether this kernel has a watchdog is only known on the machine. Where it has one, no member leads without it: a
 * primary that hangs is reset before its key in etcd can pass to another one.
 */
const WATCHDOG = lines(
  "#!/bin/sh",
  "modprobe -q softdog 2>/dev/null",
  "mode=off",
  "if [ -c /dev/watchdog ]; then",
  "  chown postgres /dev/watchdog && mode=required",
  "fi",
  `printf 'watchdog:\\n  mode: "%s"\\n  device: /dev/watchdog\\n  safety_margin: 5\\n' "$mode" > ${CONFIGURATION}/20-watchdog.yml`,
);

/**
 * What pg_rewind made is consistent only past the place where the primary would insert its next record. After a
 * switch of the segment nothing is there until somebody writes: on a quiet cluster the member would stay in recovery
 * for ever, could not take over and would serve no reads. So one record is written there, without waiting for standbys.
 */
function rewind(version: number): string {
  return lines(
    "#!/bin/sh",
    `${postgresBin(version)}/pg_rewind "$@" || exit`,
    "while [ $# -gt 0 ]; do",
    '  [ "$1" = --source-server ] && source=$2',
    "  shift",
    "done",
    '[ -n "$source" ] || exit 0',
    "export PGOPTIONS='-c synchronous_commit=local'",
    `${postgresBin(version)}/psql -XAtq -d "$source" -c "SELECT pg_logical_emit_message(true, 'phasewise', 'rewind')" >&2 ||`,
    '  echo "No record could be written on the primary: the member is consistent after the next write there." >&2',
    "exit 0",
  );
}

/**
 * Patroni looks only once a second whether a PostgreSQL that it stops has ended. For the time of a planned move, which
 * a file marks, PostgreSQL is stopped here before, as fast as it ends.
 */
function beforeStop(version: number): string {
  return lines(
    "#!/bin/sh",
    `[ -e ${STOP_FAST} ] || exit 0`,
    `read -r pid < ${postgresData(version)}/postmaster.pid || exit 0`,
    'kill -INT "$pid"',
    "for attempt in $(seq 1000); do",
    '  kill -0 "$pid" 2>/dev/null || exit 0',
    "  sleep 0.01",
    "done",
  );
}

/** Patroni sleeps for 5 s where etcd does not answer at once: for the moments after a boot, asking first is faster. */
function waitForEtcd({ etcd }: PatroniSettings): string {
  const { ca, certificate, key } = nodeTls("patroni");
  const urls = etcd.map((address) => `https://${address}:${PORTS.etcdClient}/health`);
  return lines(
    "#!/bin/sh",
    "for attempt in $(seq 50); do",
    `  for url in ${urls.join(" ")}; do`,
    `    curl -sf -o /dev/null --max-time 1 --cacert ${ca} --cert ${certificate} --key ${key} "$url" && exit 0`,
    "  done",
    "  sleep 0.2",
    "done",
    'echo "etcd does not answer yet; Patroni goes on trying."',
  );
}

/**
 * Decides before each start what a machine without data does: see the program. A script of its own, as that of the wait:
 * where etcd is changes with each promotion, and calls for no restart.
 */
function chooseBootstrap({ cluster, etcd, postgresVersion }: PatroniSettings): string {
  const { ca, certificate, key } = nodeTls("patroni");
  const command = [
    `exec ${BOOTSTRAP} choose --stanza ${cluster} --data ${postgresData(postgresVersion)} --program ${BOOTSTRAP}`,
    `--override ${CONFIGURATION}/30-bootstrap.yml --key ${PATRONI_NAMESPACE}${cluster}/initialize`,
    `--etcd ${etcd.map((address) => `${address}:${PORTS.etcdClient}`).join(",")}`,
    `--patroni 127.0.0.1:${PORTS.patroni} --ca ${ca} --certificate ${certificate} --private-key ${key}`,
  ];
  return lines("#!/bin/sh", command.join(" "));
}

/** A stop may take as long as PostgreSQL's last checkpoint: the five minutes keep it from being killed in it. */
function unitDropIn(settings: PatroniSettings): string {
  const version = settings.postgresVersion;
  return unitFile({
    Unit: {
      After: "network-online.target etcd.service",
      Wants: "network-online.target",
      RequiresMountsFor: postgresData(version),
      ConditionPathExists: ["", `${CONFIGURATION}/10-member.yml`],
      StartLimitIntervalSec: 0,
    },
    Service: {
      RuntimeDirectory: "patroni",
      RuntimeDirectoryMode: "0700",
      ExecStartPre: [`+${WATCHDOG_SCRIPT}`, WAIT_SCRIPT, CHOOSE_SCRIPT],
      ExecStart: ["", `/usr/bin/patroni ${CONFIGURATION}`],
      // PostgreSQL reads its certificate again only when it is told itself.
      ExecReload: [
        "",
        "/bin/kill -s HUP $MAINPID",
        `-${postgresBin(version)}/pg_ctl reload -s -D ${postgresData(version)}`,
      ],
      TimeoutStopSec: "5min",
      Restart: "always",
      RestartSec: 1,
    },
  });
}
