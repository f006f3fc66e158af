import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Topology } from "../../../infra/topology.ts";
import { progressLines, whatIsLeft, whyFailed } from "../../../operations/backup.ts";
import { parseBackups } from "../../../operations/backupList.ts";
import { connectionOf } from "../../../operations/connection.ts";
import { journalCommand } from "../../../operations/logs.ts";
import { parseMachine } from "../../../operations/status.ts";
import { findMachine, parseTopology } from "../../../operations/topology.ts";

const role = (name: string) => ({ name, password: `p/${name}` });
const topology = {
  stack: "dev",
  endpoints: {
    write: { host: "198.18.0.5", port: 6432 },
    read: { host: "2001:db8::5", port: 6433 },
    database: "app",
  },
  clusters: [
    {
      roles: {
        owner: role("app_owner"),
        application: role("app"),
        readonly: role("app_readonly"),
        monitor: role("monitor"),
      },
    },
  ],
  machines: [{ name: "core-1" }, { name: "db-1" }],
} as unknown as Topology;

test("the URL without its password, and with it, escaped", () => {
  const { public: shown, secretUrl, password } = connectionOf(topology, "application", "/x/ca.pem");
  expect(shown.url).toBe(
    "postgresql://app@198.18.0.5:6432/app?sslmode=verify-full&sslrootcert=%2Fx%2Fca.pem",
  );
  expect(secretUrl).toBe(
    "postgresql://app:p%2Fapp@198.18.0.5:6432/app?sslmode=verify-full&sslrootcert=%2Fx%2Fca.pem",
  );
  expect(password).toBe("p/app");
  expect(JSON.stringify(shown)).not.toContain("p/app");
});

test("readers go to the readers' endpoint; another role is told what there is", () => {
  expect(connectionOf(topology, "readonly", "/ca").public.url).toContain("@[2001:db8::5]:6433/app");
  expect(() => connectionOf(topology, "admin", "/ca")).toThrow('There is no role "admin".');
  expect(() => connectionOf(topology, "constructor", "/ca")).toThrow("There is no role");
});

test("a machine by its name", () => {
  expect(findMachine(topology).name).toBe("core-1");
  expect(findMachine(topology, "db-1").name).toBe("db-1");
  expect(() => findMachine(topology, "db-9")).toThrow('dev has no machine "db-9".');
});

test("a topology of another version is told, not guessed at", () => {
  expect(() => parseTopology("dev", '{"version": 2}')).toThrow(/was written by another version of Phasewise/);
});

test("journals: what is asked for is quoted", () => {
  const ask = { units: [], lines: 100, follow: false, all: true };
  const journal =
    "journalctl --no-pager --no-hostname -o short-iso -u 'etcd' -u 'patroni' -u 'haproxy' -u 'pgbouncer' -u 'phasewise-*'";
  expect(journalCommand(ask)).toBe(`${journal} -n 100`);
  expect(journalCommand({ ...ask, units: ["a'; rm -rf /", "kernel"], since: "-1h", follow: true })).toBe(
    "journalctl --no-pager --no-hostname -o short-iso -u 'a'\\''; rm -rf /' -k --since '-1h'; " +
      "journalctl --no-pager --no-hostname -o short-iso -u 'a'\\''; rm -rf /' -k -n 0 -f",
  );
});

test("journals: what says that nothing happens is left out before lines are counted", () => {
  const command = journalCommand({ units: ["patroni"], lines: 2, follow: false, all: false });
  const [journal, ...filter] = command.split(" | ");
  expect(journal).toMatch(/ -u 'patroni' -r$/);
  const said = [
    "2026-11-21 patroni[1]: INFO: no action. I am (core-1), the leader with the lock",
    "2026-11-21 patroni[1]: WARNING: third",
    "2026-11-21 patroni[1]: INFO: no action. I am (db-1), a secondary, and following a leader (db-2)",
    "2026-11-21 patroni[1]: INFO: second",
    "2026-11-21 patroni[1]: INFO: first",
  ];
  const shown = execFileSync("sh", ["-c", filter.join(" | ")], { input: said.join("\n") }).toString();
  expect(shown).toBe("2026-11-21 patroni[1]: INFO: second\n2026-11-21 patroni[1]: WARNING: third\n");
});

test("a machine's memory and units", () => {
  const text = `               total        used        free
Mem:            3916         512        3000
Swap:              0           0           0
active
active
inactive
failed
inactive
inactive
`;
  expect(parseMachine(text)).toEqual({
    memoryMb: 3916,
    memoryUsedMb: 512,
    units: [
      { name: "etcd", state: "active" },
      { name: "patroni", state: "active" },
      { name: "pgbouncer", state: "failed" },
    ],
  });
});

test("backups, the oldest first", () => {
  const entry = (label: string, stop: number, error: boolean) => ({
    label,
    type: "full",
    error,
    timestamp: { start: stop - 5, stop },
    info: { size: 30, repository: { delta: 4 } },
  });
  const json = JSON.stringify([{ name: "main", backup: [entry("B", 20, true), entry("A", 10, false)] }]);
  expect(parseBackups(json, "main")).toEqual([
    {
      label: "A",
      type: "full",
      startedAt: "1970-01-01T00:00:05.000Z",
      finishedAt: "1970-01-01T00:00:10.000Z",
      databaseBytes: 30,
      repositoryBytes: 4,
      faulty: false,
    },
    expect.objectContaining({ label: "B", faulty: true }),
  ]);
  expect(parseBackups(json.replace('"main"', '"main","note":"first\nsecond"'), "main")).toHaveLength(2);
  expect(() => parseBackups("[]", "main")).toThrow('pgBackRest knows no stanza "main"');
});

test("of a backup's journal only what tells how far it is", () => {
  const text = `Starting phasewise-backup@full.service - Backup of PostgreSQL (full)...
P00   INFO: backup command begin 2.55.1: --repo1-cipher-pass=<redacted>
P00   INFO: full backup size = 30MB, file total = 1270
P00   WARN: a timeline switch has occurred
P00   INFO: backup command end: completed successfully
Finished phasewise-backup@full.service - Backup of PostgreSQL (full).`;
  expect(progressLines(text)).toEqual([
    "full backup size = 30MB, file total = 1270",
    "warn: a timeline switch has occurred",
  ]);
});

test("backup: where one of two repositories refuses, it is said which has it", () => {
  const before = "Earlier backups are as they were.";
  expect(whatIsLeft({ status: 56, results: { "1": 0, "2": 56 } })).toBe(
    "Repository 1 has it; elsewhere earlier backups are as they were.",
  );
  expect(whatIsLeft({ status: 56, results: { "1": 56 } })).toBe(before);
  // Another one's, where this one could not be written down; a program's that kept none; none at all.
  expect(whatIsLeft({ status: 0, results: { "1": 0 } })).toBe(before);
  expect(whatIsLeft({ status: 56 })).toBe(before);
  expect(whatIsLeft({})).toBe(before);
});

test("backup: why a repository refused is found among the headers of the request", () => {
  const text = `Starting phasewise-backup@diff.service
Repository 1:
P00   INFO: new backup label = 20261122-034256F_20261122-034328D
Repository 2:
P00  ERROR: [039]: unable to load info file '/postgresql/backup/main/backup.info':
            ProtocolError: HTTP request failed with 403 (Forbidden):
            *** Path/Query ***:
            GET /acme-2/postgresql/backup/main/backup.info
            authorization: <redacted>
            <Error><Code>InvalidAccessKeyId</Code><Message>The key does not exist.</Message><AWSAccessKeyId>ABC</AWSAccessKeyId></Error>
            ProtocolError: HTTP request failed with 403 (Forbidden):
            <Error><Code>InvalidAccessKeyId</Code><Message>The key does not exist.</Message><AWSAccessKeyId>ABC</AWSAccessKeyId></Error>
            HINT: has a stanza-create been performed?
phasewise-backup@diff.service: Failed with result 'exit-code'.
`;
  expect(whyFailed(text)).toEqual([
    "Repository 1:",
    "Repository 2:",
    "[039]: unable to load info file '/postgresql/backup/main/backup.info':",
    "ProtocolError: HTTP request failed with 403 (Forbidden)",
    "InvalidAccessKeyId: The key does not exist.",
  ]);
  const killed =
    "Repository 1:\nphasewise-backup@full.service: Main process exited, code=killed, status=9/KILL\n";
  expect(whyFailed(killed)).toEqual(killed.trim().split("\n"));
});
