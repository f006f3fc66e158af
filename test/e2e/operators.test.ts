import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack } from "./stack.ts";

/** People come and go on machines that run, and the journal knows what they did. */
const stack = new Stack("operators");
const keys = mkdtempSync(join(tmpdir(), "phasewise-keys-"));
const here = "198.18.0.0/15";

interface Entry {
  kind: string;
  person: string;
  from: string;
  what: string;
}

let address = "";
let serverId = 0;

function publicKey(name: string): string {
  return readFileSync(join(keys, `${name}.pub`), "utf8").trim();
}

/** The system's own SSH client, with the one key and no other. */
function ssh(key: string, login: string, command: string) {
  const options = ["BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "ConnectTimeout=5"];
  const trust = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"];
  const flags = [...options, ...trust].flatMap((option) => ["-o", option]);
  const args = ["-F", "none", "-i", join(keys, key), ...flags, `${login}@${address}`, command];
  return execa("ssh", args, { reject: false, stdin: "ignore", timeout: 60_000 });
}

async function said(key: string, login: string, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await ssh(key, login, command);
  return exitCode === 0 ? stdout.trim() : `exit ${exitCode}: ${stderr.trim()}`;
}

async function journal(...args: string[]): Promise<Entry[]> {
  return (await stack.json<{ entries: Entry[] }>("journal", stack.name, ...args)).entries;
}

function people(access: Record<string, unknown>): void {
  stack.configure({ "phasewise:access": access });
}

/** Changes the people or ranges of the stack that runs: by no means may that cost a machine. */
async function change(access: Record<string, unknown>): Promise<void> {
  people(access);
  const { changes } = await stack.up();
  expect(changes).toMatchObject({ create: 0, replace: 0, delete: 0 });
  expect((await stack.servers()).map((server) => server.id)).toEqual([serverId]);
}

beforeAll(async () => {
  for (const name of ["alice", "bob", "mallory"]) {
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(keys, name)]);
  }
  await stack.reset();
  people({ keys: { alice: publicKey("alice") } });
  await stack.up();
  const [server] = await stack.servers();
  address = server?.public_net.ipv4?.ip ?? "";
  serverId = server?.id ?? 0;
});

afterAll(async () => {
  await stack.remove();
  rmSync(keys, { recursive: true, force: true });
});

test("each person has an account of their own, with sudo, and nobody else's", async () => {
  expect(await said("alice", "alice", "id -un; sudo id -un")).toBe("alice\nroot");
  expect(await said("alice", "root", "id -un")).toMatch(/Permission denied/);
  expect(await said("bob", "bob", "id -un")).toMatch(/Permission denied/);
});

test("a person is added to machines that run", async () => {
  await change({ keys: { alice: publicKey("alice"), bob: [publicKey("bob")] } });
  expect(await said("bob", "bob", "id -un; sudo id -un")).toBe("bob\nroot");
  expect(await said("bob", "alice", "true")).toMatch(/Permission denied/);
});

test("nobody lets somebody else in by a file in their home", async () => {
  const line = publicKey("mallory");
  await said("bob", "bob", `mkdir -m 700 -p .ssh && echo '${line}' > .ssh/authorized_keys`);
  expect(await said("mallory", "bob", "true")).toMatch(/Permission denied/);
});

test("the journal says who came, what they did as root, and who ran which command", async () => {
  expect(await said("bob", "bob", "sudo systemctl is-active patroni")).toBe("active");
  const bobs = await journal("--person", "bob");
  expect(bobs).toContainEqual(
    expect.objectContaining({ kind: "login", what: expect.stringMatching(/^SHA256:/) }),
  );
  expect(bobs).toContainEqual(
    expect.objectContaining({ kind: "sudo", what: "/usr/bin/systemctl is-active patroni" }),
  );
  expect(bobs).toContainEqual(expect.objectContaining({ kind: "refused" }));

  stack.env.PHASEWISE_OPERATOR = "carol";
  await stack.expectOk("ssh", stack.name, "--", "true");
  delete stack.env.PHASEWISE_OPERATOR;
  const commands = (await journal()).filter((entry) => entry.kind === "command");
  expect(commands).toContainEqual(
    expect.objectContaining({ person: "carol", what: `phasewise ssh ${stack.name}` }),
  );
  expect(commands).toContainEqual(expect.objectContaining({ what: `phasewise up ${stack.name}` }));
});

test("a person who is removed is out at once, with all that they left running", async () => {
  const sessions = [
    ssh("bob", "bob", "sleep 300"),
    ssh("bob", "bob", "sudo sleep 301"),
    // Away from its session on purpose: only the number of its login tells whose it is.
    ssh("bob", "bob", "sudo setsid --fork sleep 302; sleep 303"),
  ];
  const sleeping = "pgrep -fx 'sleep 30[0-3]' | wc -l";
  await expect.poll(() => said("alice", "alice", sleeping), { timeout: 20_000 }).toBe("4");

  await change({ keys: { alice: publicKey("alice") } });

  for (const session of sessions) expect((await session).exitCode).not.toBe(0);
  expect(await said("alice", "alice", sleeping)).toBe("0");
  expect(await said("bob", "bob", "true")).toMatch(/Permission denied/);
  // The number stays theirs, so that the old entries of the journal keep their name.
  expect(await said("alice", "alice", "id -u bob && sudo -n -l -U bob")).toMatch(/not allowed to run sudo/);
});

test("a person who comes back has the same account again", async () => {
  const before = await said("alice", "alice", "id -u bob");
  await change({ keys: { alice: publicKey("alice"), bob: publicKey("bob") } });
  expect(await said("bob", "bob", "id -u; sudo id -u")).toBe(`${before}\n0`);
});

test("ranges that leave out whoever runs up are refused before anything is touched", async () => {
  people({ keys: { alice: publicKey("alice") }, operators: ["203.0.113.7/32"] });
  const outcome = await stack.run("up", stack.name, "--yes");
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain("phasewise:access.operators");
  expect(outcome.stderr).toMatch(/add "198\.1[89]\.\d+\.1\/32"/);
  expect(await said("bob", "bob", "true")).toBe("");
});

test("ranges are narrowed and widened in both firewalls alike; open connections stay", async () => {
  const [own = ""] = (await said("alice", "alice", 'echo "$SSH_CONNECTION"')).split(" ");
  const keys = { alice: publicKey("alice") };
  const elsewhere = "203.0.113.16/28";
  const query = "select pg_sleep(12), 'still here'";
  const connected = stack.start(["psql", stack.name, "--", "-XAtc", query]);
  await expect
    .poll(() => stack.sql("select count(*) from pg_stat_activity where query like '%still here%'"), {
      timeout: 20_000,
    })
    .not.toBe("1");

  await change({ keys, operators: [`${own}/32`], database: [elsewhere] });
  expect((await connected).stdout).toContain("still here");
  expect((await stack.run("psql", stack.name, "--", "-c", "select 1")).code).not.toBe(0);
  const found = (await stack.verify()).checks.filter((check) => check.name.endsWith("-firewall"));
  expect(found).toHaveLength(2);
  for (const check of found) {
    expect(check).toMatchObject({ ok: true, detail: expect.stringContaining(`SSH open to ${own}/32`) });
    expect(check.detail).toContain(elsewhere);
  }

  await change({ keys, operators: [here], database: [here] });
  expect(await stack.sql("select 1")).toBe("1");
});

test("faults of people and ranges are told all at once, and change nothing", async () => {
  people({ keys: { root: publicKey("bob"), bob: [], carol: publicKey("bob") }, operators: [] });
  const outcome = await stack.run("up", stack.name, "--yes");
  expect(outcome.code).toBe(2);
  for (const text of ["access.keys.root", "access.keys.bob", "the key of root"])
    expect(outcome.stderr).toContain(text);
  expect(await said("alice", "alice", "id -un")).toBe("alice");
});
