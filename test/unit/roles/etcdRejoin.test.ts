import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const script = resolve(import.meta.dirname, "../../../roles/etcdRejoin.sh");
const url = (n: number, port = 2380) => `https://10.0.1.${n}:${port}`;
const line = (id: string, n: number, name: string, started = true) =>
  `${id}, ${name ? "started" : "unstarted"}, ${name}, ${url(n)}, ${started ? url(n, 2379) : ""}, false`;
const core = line("aa", 11, "core-1");
const first = line("bb", 21, "db-1");

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "phasewise-etcd-"));
  mkdirSync(join(folder, "data"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/**
 * Runs the script on db-2 with an etcdctl that answers from files.
 * @param lists What `member list` says, one answer after the other; none: nobody answers.
 */
function start(lists: string[][], options: { state?: string; refuses?: string } = {}) {
  const initial = ["core-1=11", "db-1=21", "db-2=22"].map((each) => {
    const [name, n] = each.split("=");
    return `${name}=${url(Number(n))}`;
  });
  for (const told of ["calls", "asked"]) rmSync(join(folder, told), { force: true });
  writeFileSync(
    join(folder, "etcd"),
    `ETCD_NAME=db-2\nETCD_DATA_DIR=${folder}/data\nETCD_INITIAL_ADVERTISE_PEER_URLS=${url(22)}\n`,
  );
  const seed = `ETCD_INITIAL_CLUSTER=${initial}\nETCD_INITIAL_CLUSTER_STATE=${options.state ?? "new"}\nETCD_INITIAL_CLUSTER_TOKEN=main\n`;
  writeFileSync(join(folder, "etcd-initial"), seed);
  for (const [index, list] of lists.entries())
    writeFileSync(join(folder, `list${index}`), `${list.join("\n")}\n`);
  const etcdctl = `#!/bin/sh
    while [ "\${1#--}" != "$1" ]; do shift; done
    echo "$*" >> calls
    case "$*" in
      "member list"*) n=$(cat asked 2>/dev/null || echo 0); echo $((n + 1)) > asked; cat list$n 2>/dev/null ;;
      *"${options.refuses ?? "nothing"}"*) exit 1 ;;
    esac
  `;
  writeFileSync(join(folder, "etcdctl"), etcdctl, { mode: 0o755 });
  const environment = { ...process.env, PATH: `${folder}:${process.env.PATH}`, PHASEWISE_DEFAULTS: folder };
  const { status } = spawnSync("sh", [script], { cwd: folder, env: environment });
  const calls = existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8") : "";
  return {
    status,
    changes: calls.split("\n").filter((call) => call !== "" && !call.startsWith("member list")),
    seed: readFileSync(join(folder, "etcd-initial"), "utf8"),
    untouched: seed,
  };
}

const rejoined = `ETCD_INITIAL_CLUSTER=core-1=${url(11)},db-1=${url(21)},db-2=${url(22)}\nETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER_TOKEN=main\n`;
const add = `member add db-2 --peer-urls=${url(22)}`;
const after = [core, first, line("dd", 22, "", false)];

test("a member that has run and has no data gives up its place and takes a new one", () => {
  mkdirSync(join(folder, "data/member/snap"), { recursive: true });
  const { changes, seed, status } = start([[core, first, line("cc", 22, "db-2")], after]);
  expect({ changes, seed, status }).toEqual({
    changes: ["member remove cc", add],
    seed: rejoined,
    status: 0,
  });
  expect(existsSync(join(folder, "data/member"))).toBe(false);
});

test("killed between removal and addition, or after the addition, it goes on where it was", () => {
  expect(start([[core, first], after])).toMatchObject({ changes: [add], seed: rejoined, status: 0 });
  expect(start([after, after])).toMatchObject({ changes: [], seed: rejoined, status: 0 });
});

test("it fails, and is started again, where the others refuse", () => {
  const list = [core, first, line("cc", 22, "db-2")];
  expect(start([list], { refuses: "remove" })).toMatchObject({ status: 1, changes: ["member remove cc"] });
  expect(start([[core, first]], { refuses: "add" })).toMatchObject({ status: 1 });
});

test.each([
  ["with its data", [[core, first, line("cc", 22, "db-2")]], {}, true],
  ["when nobody answers", [], {}, false],
  [
    "that begins the store with the others, slower than they",
    [[core, line("cc", 22, "db-2", false)]],
    {},
    false,
  ],
  ["that an operation lets join", [after], { state: "existing" }, false],
] as const)("a member %s changes nothing", (_, lists, options, withData) => {
  if (withData) {
    mkdirSync(join(folder, "data/member/wal"), { recursive: true });
    writeFileSync(join(folder, "data/member/wal/0-0.wal"), "");
  }
  const { changes, seed, status, untouched } = start(
    lists.map((each) => [...each]),
    options,
  );
  expect({ changes, seed, status }).toEqual({ changes: [], seed: untouched, status: 0 });
});
