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
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { archivePush } from "../../../roles/archivePush.ts";

const segment = (number: number) => `00000001000000000000000${number}`;
let folder: string;

/** The script in a folder of its own, with a pgBackRest that says and exits as told. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "archive-push-"));
  for (const name of ["spool", "data/pg_wal/archive_status", "bin"])
    mkdirSync(join(folder, name), { recursive: true });
  const text = archivePush({ stanza: "main", postgresVersion: 17, mostSegments: 3 })
    .replaceAll("/data/pgbackrest", join(folder, "spool"))
    .replace("/usr/lib/postgresql/17/bin/pg_waldump", join(folder, "bin/pg_waldump"));
  program("archive-push", text);
  program("pg_waldump", "#!/bin/sh\necho 'rmgr: Transaction desc: COMMIT 2026-11-21 07:19:10.500000 UTC'\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, text: string) {
  writeFileSync(join(folder, "bin", name), text);
  chmodSync(join(folder, "bin", name), 0o755);
}

async function push(
  file: string,
  { waiting, says = "", exits = 0 }: { waiting: number; says?: string; exits?: number },
) {
  program(
    "pgbackrest",
    `#!/bin/sh\necho "$@" >> ${folder}/asked\n[ -z "${says}" ] || echo "${says}" >&2\nexit ${exits}\n`,
  );
  const status = join(folder, "data/pg_wal/archive_status");
  rmSync(status, { recursive: true });
  mkdirSync(status);
  for (let number = 0; number < waiting; number++) writeFileSync(join(status, `${number}.ready`), "");
  return execa(join(folder, "bin/archive-push"), [`pg_wal/${file}`], {
    cwd: join(folder, "data"),
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
