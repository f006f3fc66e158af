import { describe, expect, test } from "vitest";
import { type InPlaceFacts, inPlaceFaults } from "../../../../../operations/restore/inPlace/faults.ts";
import { parseOld } from "../../../../../operations/restore/inPlace/kept.ts";
import { replaySettings } from "../../../../../operations/restore/inPlace/replaySettings.ts";
import { begin, inTheWay, underWay } from "../../../../../operations/restore/inPlace/task.ts";
import { parseRepository } from "../../../../../operations/restore/repository.ts";
import { backupsTo, timelineTo } from "../../../../../operations/restore/timelines.ts";
import type { Cluster } from "../../../../../operations/topology.ts";

const member = (name: string, more: Partial<InPlaceFacts["members"][number]> = {}) => ({
  name,
  unreachable: null,
  restored: name === "db-1",
  freeBytes: 40e9,
  volumeBytes: 50e9,
  dataBytes: 10e9,
  sharesBlocks: true,
  ...more,
});
const facts: InPlaceFacts = {
  stack: "production",
  target: null,
  bytes: 10e9,
  keepOld: true,
  underWay: null,
  paused: false,
  members: [member("db-1"), member("db-2")],
};

describe("a restore in place is refused", () => {
  test("for nothing where all is well", () => expect(inPlaceFaults(facts)).toEqual([]));

  test("for everything that is wrong, at once", () => {
    const wrong: InPlaceFacts = {
      ...facts,
      target: "Nothing can be restored to 0/1: it is before the oldest backup.",
      underWay: "another restore is under way",
      paused: true,
      members: [
        member("db-1", { freeBytes: 5e9 }),
        member("db-2", { unreachable: "no route", freeBytes: 0 }),
        member("db-3", { freeBytes: 0.5e9, volumeBytes: 11e9, dataBytes: 10e9 }),
      ],
    };
    expect(inPlaceFaults(wrong)).toEqual([
      "another restore is under way",
      "Nothing can be restored to 0/1: it is before the oldest backup.",
      "db-2 does not answer: no route",
      "Patroni is paused: a change of the primary is under way, or was cut off",
      "the volume of db-1 (50.0 GB) is too small to keep the old data beside it: the restored database needs 11.3 GB, and 5.0 GB would be free; --discard-old keeps none",
      "the volume of db-3 (11.0 GB) is too small: the restored database needs 11.3 GB, and 10.5 GB would be free",
    ]);
  });

  test("not for want of room to keep what is not to be kept", () => {
    const members = [member("db-1", { freeBytes: 5e9 })];
    expect(inPlaceFaults({ ...facts, keepOld: false, members })).toEqual([]);
  });
});

describe("lines of history", () => {
  const time = (text: string) => new Date(`2026-11-21T${text}Z`);
  const backup = (label: string, at: string, stopLsn: string, timeline: number) => ({
    label,
    finished: time(at),
    stopLsn,
    bytes: 1e9,
    timeline,
  });
  // At 12:00 the database went back to 11:00; at 13:00 it went back to the data of 12:00 again.
  const first = { at: time("12:00:00"), left: 1, from: 1, lsn: "0/5000000" };
  const second = { at: time("13:00:00"), left: 3, from: 1, lsn: "0/9000000" };
  const backups = [
    backup("ten", "10:00:00", "0/3000000", 1),
    backup("half past eleven", "11:30:00", "0/7000000", 1),
    backup("half past twelve", "12:30:00", "0/6000000", 3),
    backup("half past one", "13:30:00", "0/A000000", 5),
  ];
  const labels = (when: Date | null, branches = [first, second]) =>
    backupsTo(when, backups, branches).map(({ label }) => label);

  test("a moment is looked for on the line that was in use then", () => {
    expect(timelineTo(time("11:30:00"), [first, second])).toBe("1");
    expect(timelineTo(time("12:30:00"), [first, second])).toBe("3");
    expect(timelineTo(time("13:30:00"), [first, second])).toBe("latest");
    expect(timelineTo(null, [first])).toBe("latest");
  });

  test("a backup of a line that was left does not lead on", () => {
    expect(labels(null, [first])).toEqual(["ten", "half past twelve", "half past one"]);
    expect(labels(null)).toEqual(["ten", "half past one"]);
    expect(labels(time("11:45:00"), [first])).toContain("half past eleven");
  });
});

test("what a repository says with another key is told as that", () => {
  const info = (message: string) =>
    JSON.stringify([{ name: "main", backup: [], repo: [{ status: { code: 99, message } }] }]);
  expect(() => parseRepository(info("[CryptoError] unable to load info file"), "main")).toThrow(
    "The backups cannot be read: their key is not the one that they were written with.",
  );
  // As pgBackRest prints it: with line ends that JSON does not allow.
  const raw = info("[CryptoError] unable to load|HINT: is the key right?").replace("|", "\n");
  expect(() => parseRepository(raw, "main")).toThrow("their key is not the one");
  // One key in some hundreds deciphers to something, which is then no settings file.
  const garbled = info("[FormatError] key/value found outside of section at line 1: \uFFFD;");
  expect(() => parseRepository(garbled, "main")).toThrow("their key is not the one");
  expect(() => parseRepository(info("[HostConnectError] timeout"), "main")).toThrow(
    "The backups cannot be read: [HostConnectError] timeout",
  );
});

test("old data is listed with what was written of it, also where nothing was", () => {
  const text = '20261121-1\t31457280\t{"at":"2026-11-21T15:14:13Z","restoredTo":"p1"}\n20261121-2\t5\t\n';
  expect(parseOld("db-1", text)).toEqual([
    {
      id: "20261121-1",
      machine: "db-1",
      bytes: 31457280,
      note: { at: "2026-11-21T15:14:13Z", restoredTo: "p1" },
    },
    {
      id: "20261121-2",
      machine: "db-1",
      bytes: 5,
      note: { at: "an unknown time", restoredTo: "an unknown target" },
    },
  ]);
});

describe("a restore that is under way", () => {
  const request = {
    cluster: "main",
    machine: "db-1",
    from: {
      type: "backup" as const,
      label: "20261121-020000F",
      repository: 1,
      target: {},
      timeline: "latest",
    },
    targetText: "the end of the archive",
    keepOld: false,
  };
  const journal = {
    ...begin(request, "somebody", new Date("2026-11-21T12:00:00Z")),
    begun: "files",
    done: ["aside"],
  };

  test("has an id that stands in names of folders", () => expect(journal.id).toBe("20261121-120000"));

  test("keeps others out, in words", () => {
    expect(inTheWay(null)).toBeNull();
    expect(inTheWay(journal)).toBe(
      "another restore is under way, begun by somebody at 2026-11-21T12:00:00Z, it got to files: --resume goes on with it, --abort takes it back",
    );
  });

  test("is gone on with, and not taken back where the old data is gone", () => {
    expect(underWay("production", journal, "resume").request).toEqual(request);
    expect(() => underWay("production", journal, "abort")).toThrow(
      "The restore cannot be taken back: the old data was not kept.",
    );
    expect(() => underWay("production", null, "resume")).toThrow("No restore of production is under way.");
  });
});

test("PostgreSQL replays alone, towards its target, and archives the timeline that it begins", () => {
  const cluster = {
    backupStanza: "main",
    parameters: { archive_command: "push '%p'", shared_buffers: "1GB" },
  } as unknown as Cluster;
  const places = { data: "/data/postgresql/17/main", bin: "/bin", old: "/old", work: "/work" };
  const text = replaySettings(cluster, places, {
    target: { recovery_target_name: "before" },
    timeline: "latest",
  });
  expect(text.split("\n")).toEqual(
    expect.arrayContaining([
      "archive_command = 'push ''%p'''",
      "archive_mode = 'on'",
      "listen_addresses = ''",
      "recovery_target_action = 'promote'",
      "recovery_target_name = 'before'",
      "recovery_target_timeline = 'latest'",
      "synchronous_standby_names = ''",
    ]),
  );
});
