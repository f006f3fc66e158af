import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ARCHIVE_LATER, archivePush } from "../../../roles/archivePush.ts";

const segment = (number: number) => `00000001000000000000000${number}`;
let folder: string;

/** The script in a folder of its own, with a pgBackRest that says and exits as told. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "archive-push-"));
  for (const name of ["spool", "data/pg_wal/archive_status", "bin"])
    mkdirSync(join(folder, name), { recursive: true });
  install(false);
  program("pg_waldump", "#!/bin/sh\necho 'rmgr: Transaction desc: COMMIT 2026-11-21 07:19:10.500000 UTC'\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

function install(several: boolean) {
  mkdirSync(join(folder, "spool/2"), { recursive: true });
  const text = archivePush({ stanza: "main", postgresVersion: 17, mostSegments: 3, several })
    .replaceAll("/data/pgbackrest", join(folder, "spool"))
    .replaceAll(ARCHIVE_LATER, join(folder, "later"))
    .replace("tries=50", "tries=5")
    .replace("/usr/lib/postgresql/17/bin/pg_waldump", join(folder, "bin/pg_waldump"));
  program("archive-push", text);
}

function program(name: string, text: string) {
  writeFileSync(join(folder, "bin", name), text);
  chmodSync(join(folder, "bin", name), 0o755);
}

interface Situation {
  /** Files of the log. */
  waiting: number;
  /** What pgBackRest says, and its exit status. */
  says?: string;
  exits?: number;
  /** Whether it is called from another folder, as Patroni does before a rewind. */
  elsewhere?: boolean;
}

async function push(file: string, { waiting, says = "", exits = 0, elsewhere = false }: Situation) {
  program(
    "pgbackrest",
    `#!/bin/sh\necho "$@" >> ${folder}/asked\n[ -z "${says}" ] || echo "${says}" >&2\nexit ${exits}\n`,
  );
  const status = join(folder, "data/pg_wal/archive_status");
  rmSync(status, { recursive: true });
  mkdirSync(status);
  for (let number = 0; number < waiting; number++) writeFileSync(join(status, `${number}.ready`), "");
  const data = join(folder, "data");
  const path = elsewhere ? `${data}/pg_wal/${file}` : `pg_wal/${file}`;
  return execa(join(folder, "bin/archive-push"), [path], {
    cwd: elsewhere ? folder : data,
    env: { PATH: `${join(folder, "bin")}:${process.env.PATH}` },
    reject: false,
  });
}
const givenUp = () => readFileSync(join(folder, "spool/given-up"), "utf8").trim().split("\n");

test("below the bound pgBackRest decides, and its words and its exit status pass", async () => {
  expect(await push(segment(1), { waiting: 3 })).toMatchObject({ exitCode: 0, stderr: "" });
  const failed = await push(segment(1), { waiting: 3, says: "ERROR: [124]: no", exits: 124 });
  expect(failed).toMatchObject({ exitCode: 124, stderr: "ERROR: [124]: no" });
  expect(readFileSync(join(folder, "asked"), "utf8").split("\n")[0]).toBe(
    `--stanza=main archive-push pg_wal/${segment(1)}`,
  );
  expect(existsSync(join(folder, "spool/given-up"))).toBe(false);
});

test("a rewound member's Patroni sends what waits from another folder: it is treated the same", async () => {
  const more = { elsewhere: true };
  expect((await push(segment(1), { waiting: 4, ...more })).stderr).toBe(
    `archive-push: ${segment(1)} is given up: more than 3 segments wait`,
  );
  rmSync(join(folder, "spool/giving-up"));
  expect(await push(segment(1), { waiting: 1, ...more })).toMatchObject({ exitCode: 0, stderr: "" });
  writeFileSync(join(folder, "data/pg_wal/00000002.history"), "");
  expect(await push(segment(1), { waiting: 1, exits: 45, ...more })).toMatchObject({ exitCode: 0 });
});

test("while a planned move holds clients the log waits, but not for ever", async () => {
  writeFileSync(join(folder, "later"), "");
  const pushed = push(segment(1), { waiting: 1 });
  await sleep(300);
  expect(existsSync(join(folder, "asked"))).toBe(false);
  rmSync(join(folder, "later"));
  expect((await pushed).exitCode).toBe(0);
  writeFileSync(join(folder, "later"), "");
  expect((await push(segment(2), { waiting: 1 })).exitCode).toBe(0);
  expect(readFileSync(join(folder, "asked"), "utf8").trim().split("\n")).toHaveLength(2);
});

test("an unfinished file of a timeline that was left is not held against the archive's whole one", async () => {
  const other = {
    waiting: 1,
    says: "ERROR: [045]: WAL file already exists with a different checksum",
    exits: 45,
  };
  expect(await push(segment(1), other)).toMatchObject({ exitCode: 45 });
  writeFileSync(join(folder, "data/pg_wal/00000002.history"), "");
  const left = await push(segment(1), other);
  expect(left).toMatchObject({ exitCode: 0 });
  expect(left.stderr).toContain(
    `archive-push: ${segment(1)}: the archive keeps what the primary of its timeline wrote`,
  );
  expect(await push("000000020000000000000001", other)).toMatchObject({ exitCode: 45 });
  expect(await push(segment(1), { ...other, exits: 103 })).toMatchObject({ exitCode: 103 });
});

test("past the bound log is given up, and from then on until somebody ends it", async () => {
  expect((await push(segment(1), { waiting: 4 })).stderr).toBe(
    `archive-push: ${segment(1)} is given up: more than 3 segments wait`,
  );
  expect((await push(segment(2), { waiting: 1 })).exitCode).toBe(0);
  expect(existsSync(join(folder, "asked"))).toBe(false);
  expect(givenUp().map((line) => line.replace(/^\d+ /, ""))).toEqual([
    `${segment(1)} 2026-11-21 07:19:10.500000 UTC`,
    segment(2),
  ]);
  rmSync(join(folder, "spool/giving-up"));
  expect((await push(segment(3), { waiting: 1 })).exitCode).toBe(0);
  expect(existsSync(join(folder, "asked"))).toBe(true);
});

test("where nobody ends it, it is tried again after ten minutes", async () => {
  await push(segment(1), { waiting: 4 });
  const longAgo = new Date(Date.now() - 11 * 60_000);
  utimesSync(join(folder, "spool/giving-up"), longAgo, longAgo);
  expect((await push(segment(2), { waiting: 1 })).stderr).toBe("");
  expect(existsSync(join(folder, "asked"))).toBe(true);
  expect(givenUp()).toHaveLength(1);
});

test("what pgBackRest itself drops is written down too", async () => {
  const says = `WARN: dropped WAL file '${segment(1)}' because archive queue exceeded 64MB`;
  expect((await push(segment(1), { waiting: 1, says })).exitCode).toBe(0);
  expect(givenUp()).toHaveLength(1);
});

describe("with two repositories", () => {
  beforeEach(() => install(true));

  /** @param works Which repositories take log. @param waiting The numbers of the segments that wait. */
  async function pushBoth(works: number[], waiting: number[]) {
    program(
      "pgbackrest",
      `#!/bin/sh\necho "$1 $4" >> ${folder}/asked\ncase $1 in ${[...works.map((one) => `*archive-${one}.conf`), "none"].join("|")}) exit 0 ;; esac\necho down >&2\nexit 103\n`,
    );
    rmSync(join(folder, "asked"), { force: true });
    const status = join(folder, "data/pg_wal/archive_status");
    rmSync(status, { recursive: true });
    mkdirSync(status);
    for (const number of waiting) writeFileSync(join(status, `${segment(number)}.ready`), "");
    const { exitCode } = await execa(join(folder, "bin/archive-push"), [`pg_wal/${segment(waiting[0]!)}`], {
      cwd: join(folder, "data"),
      env: { PATH: `${join(folder, "bin")}:${process.env.PATH}` },
      reject: false,
    });
    const asked = existsSync(join(folder, "asked")) ? readFileSync(join(folder, "asked"), "utf8") : "";
    return {
      exitCode,
      asked: asked
        .trim()
        .split("\n")
        .map((line) => line.replace(/^\S*archive-(\d)\.conf pg_wal\/0*10*/, "$1:")),
    };
  }
  const lost = (repository: 1 | 2) =>
    existsSync(join(folder, repository === 1 ? "spool/given-up" : "spool/2/given-up"));

  test("each gets the log, and PostgreSQL keeps what one of them lacks", async () => {
    expect(await pushBoth([1, 2], [1])).toEqual({ exitCode: 0, asked: ["1:1", "2:1"] });
    expect(await pushBoth([2], [1])).toMatchObject({ exitCode: 103 });
    expect([lost(1), lost(2)]).toEqual([false, false]);
  });

  test("the one that works gets what PostgreSQL holds back for the other", async () => {
    expect(await pushBoth([2], [1, 2, 3])).toEqual({ exitCode: 103, asked: ["1:1", "2:1", "2:3"] });
    expect(await pushBoth([1], [1, 2, 3])).toEqual({ exitCode: 103, asked: ["1:1", "2:1", "1:3"] });
  });

  test("past the bound log is given up for the one that fails, and the other one takes what waits", async () => {
    await pushBoth([1], [1, 2]);
    expect(await pushBoth([1], [1, 2, 3, 4])).toEqual({ exitCode: 0, asked: ["1:1"] });
    expect([lost(1), lost(2)]).toEqual([false, true]);
    // As much waits as before, and none of it for the first one's sake.
    expect(await pushBoth([1], [2, 3, 4, 5])).toEqual({ exitCode: 0, asked: ["1:2"] });
    expect([lost(1), lost(2)]).toEqual([false, true]);
  });

  test("where both fail, log is given up for both", async () => {
    await pushBoth([], [1, 2]);
    expect(await pushBoth([], [1, 2, 3, 4])).toEqual({ exitCode: 0, asked: [""] });
    expect([lost(1), lost(2)]).toEqual([true, true]);
  });

  test("where neither is known to fail and too much waits, both are behind", async () => {
    expect(await pushBoth([1, 2], [1, 2, 3, 4])).toMatchObject({ exitCode: 0 });
    expect(lost(1)).toBe(true);
  });
});
