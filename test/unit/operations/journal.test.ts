import { expect, test } from "vitest";
import { parseJournal } from "../../../operations/journal/entries.ts";
import { chosen, journalCommand } from "../../../operations/journal.ts";

const sshd = "/usr/lib/openssh/sshd-session";
const sudo = "/usr/bin/sudo";

/** A line of `journalctl -o json`, so many seconds after midnight. */
function line(second: number, fields: Record<string, unknown>): string {
  return JSON.stringify({ __REALTIME_TIMESTAMP: String((1_795_219_200 + second) * 1_000_000), ...fields });
}

const text = [
  line(1, {
    MESSAGE: "alice (al@laptop) runs phasewise up production",
    PHASEWISE_PERSON: "alice",
    PHASEWISE_FROM: "al@laptop",
    PHASEWISE_COMMAND: "phasewise up production",
  }),
  line(2, {
    _EXE: sshd,
    MESSAGE: "Accepted publickey for bob from 203.0.113.7 port 39656 ssh2: ED25519 SHA256:fqs",
  }),
  line(3, {
    _EXE: sshd,
    MESSAGE: "pam_unix(sshd:session): session opened for user bob(uid=1001) by bob(uid=0)",
  }),
  line(4, {
    _EXE: sudo,
    MESSAGE: "     bob : PWD=/root ; USER=root ; COMMAND=/usr/bin/systemctl stop patroni",
  }),
  line(5, {
    _EXE: sudo,
    MESSAGE:
      "bob : TTY=pts/0 ; PWD=/home/bob ; USER=postgres ; COMMAND=/usr/bin/psql -c 'select 1 ; select 2'",
  }),
  line(6, { _EXE: sudo, MESSAGE: "pam_unix(sudo:session): session closed for user root" }),
  line(7, { _EXE: sshd, MESSAGE: "Disconnected from user bob 203.0.113.7 port 39656" }),
  line(8, {
    _EXE: sshd,
    MESSAGE: "Connection closed by authenticating user bob 203.0.113.7 port 39658 [preauth]",
  }),
  line(9, { _EXE: sshd, MESSAGE: "Disconnected from invalid user eve 198.51.100.1 port 4 [preauth]" }),
  line(10, {
    _EXE: sshd,
    MESSAGE: "Accepted publickey for root from 203.0.113.7 port 1 ssh2: ED25519 SHA256:stack",
  }),
  "",
].join("\n");

const short = ({ kind, person, from, what }: ReturnType<typeof parseJournal>[number]) =>
  [kind, person, from, what].join(" | ");

test("each entry says who, from where, and what; what says nothing of people is left out", () => {
  const entries = parseJournal("core-1", text);
  expect(entries[0]).toMatchObject({ machine: "core-1", time: "2026-11-21T00:00:01.000Z" });
  expect(entries.map(short)).toEqual([
    "command | alice | al@laptop | phasewise up production",
    "login | bob | 203.0.113.7 | SHA256:fqs",
    "sudo | bob |  | /usr/bin/systemctl stop patroni",
    "sudo | bob |  | as postgres: /usr/bin/psql -c 'select 1 ; select 2'",
    "logout | bob | 203.0.113.7 | ",
    "refused | bob | 203.0.113.7 | no key of theirs",
    "refused | eve | 198.51.100.1 | no such account",
    "login | root | 203.0.113.7 | SHA256:stack",
  ]);
});

test("what people typed does not drive the reader's terminal", () => {
  const bytes = [...Buffer.from("bob : PWD=/ ; USER=root ; COMMAND=/bin/echo \u001b]0;owned\u0007")];
  const [entry] = parseJournal("core-1", line(1, { _EXE: sudo, MESSAGE: bytes }));
  expect(entry?.what).toBe("/bin/echo  ]0;owned ");
});

test("the last entries of all machines in the order of time, without the stack's own connections", () => {
  const entries = [...parseJournal("core-1", text), ...parseJournal("db-1", text)];
  const last = chosen(entries, { lines: 3, all: false });
  expect(last.map(({ machine, kind }) => `${machine} ${kind}`)).toEqual([
    "db-1 refused",
    "core-1 refused",
    "db-1 refused",
  ]);
  expect(chosen(entries, { lines: 50, all: true }).filter((entry) => entry.person === "root")).toHaveLength(
    2,
  );
  expect(chosen(entries, { lines: 50, all: false }).some((entry) => entry.person === "root")).toBe(false);
  expect(chosen(entries, { lines: 50, all: false, person: "alice" })).toHaveLength(2);
});

test("a time is one word of the command, whatever stands in it", () => {
  expect(journalCommand("-1h'; reboot")).toContain(`--since '-1h'\\''; reboot' `);
});
