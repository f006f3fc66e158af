import { directory, file, lines, reload, role } from "./build.ts";
import type { ManagedFile, RoleManifest, Step } from "./manifest.ts";
import { SECRETS, secret } from "./secrets.ts";

/** A person who may log in, by an account of the same name, and be root by sudo. */
export interface Operator {
  /** The account's name, as "anna" or "ci". */
  name: string;
  /** OpenSSH public keys; comments are replaced by the name. */
  publicKeys: string[];
}

/** What a person's name may be: an account's name that needs no quoting anywhere. */
export const OPERATOR_NAME = /^[a-z][a-z0-9-]{0,31}$/;
const PUBLIC_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) ([A-Za-z0-9+/]+={0,3})(?: [^\r\n]*)?$/;

const GROUP = "phasewise-operators";
/** Marks the accounts that are made here: no other account is ever changed. */
const GECOS = "Phasewise operator";
const KEYS = "/etc/ssh/operators";
const LIST = "/etc/phasewise/operators";

/** The keys of these accounts lie where only root writes: nobody lets somebody else in by a file in his home. */
const SSHD = lines(`Match Group ${GROUP}`, `  AuthorizedKeysFile ${KEYS}/%u`);

/** sudo writes each command with the person's name into the journal. */
const SUDO = lines(`Defaults:%${GROUP} use_pty`, `%${GROUP} ALL=(ALL:ALL) NOPASSWD: ALL`);

/**
 * Who may log in: the stack itself as root, and each person by an account of their own with sudo.
 *
 * Whoever is not in it any more is out: no new session begins, open sessions and what they started are ended. The
 * account stays, closed, so that its number is given to nobody else and old journal entries keep their name.
 *
 * Throws, naming every fault, where a name or a key is malformed.
 */
export function operators(people: Operator[]): RoleManifest {
  const keys = peopleKeys(people);
  const names = people.map((person) => person.name).sort();
  return role("operators", {
    packages: ["procps", "sudo"],
    directories: [directory("/root/.ssh", { mode: "0700" }), directory(KEYS)],
    files: [
      file("/root/.ssh/authorized_keys", lines(secret(SECRETS.operatorKey)), { mode: "0600" }),
      file("/etc/ssh/sshd_config.d/20-phasewise-operators.conf", SSHD, { onChange: reload("ssh.service") }),
      file(`/etc/sudoers.d/${GROUP}`, SUDO, { mode: "0440" }),
      file("/etc/cloud/cloud.cfg.d/95-phasewise.cfg", lines("manage_etc_hosts: false")),
      file(LIST, names.map((name) => `${name}\n`).join("")),
      ...keys,
    ],
    prepare: [HOST_NAME, ACCOUNTS],
  });
}

function peopleKeys(people: Operator[]): ManagedFile[] {
  const faults: string[] = [];
  const files = people.map(({ name, publicKeys }) => {
    if (!OPERATOR_NAME.test(name))
      faults.push(`"${name}" is no account's name: use small letters, digits and -`);
    if (publicKeys.length === 0) faults.push(`${name} has no public key`);
    const rows = publicKeys.map((key) => {
      const [, type, body] = PUBLIC_KEY.exec(key.trim()) ?? [];
      if (!type) faults.push(`${name}: "${key.slice(0, 40)}" is no OpenSSH public key`);
      return `${type} ${body} ${name}`;
    });
    return file(`${KEYS}/${name}`, lines(...rows));
  });
  if (faults.length > 0)
    throw new Error(`The operators' keys are wrong:\n${faults.map((fault) => `- ${fault}`).join("\n")}`);
  return files;
}

/** sudo complains at each call on a machine whose own name is not known to it. */
const HOST_NAME: Step = {
  name: "the machine's name in /etc/hosts",
  probe: 'getent hosts "$(hostname)" >/dev/null',
  act: 'echo "127.0.1.1 $(hostname)" >> /etc/hosts',
};

/**
 * What both halves of the step use. `ours` are the accounts that were ever made here; `left` are those of them that
 * are not wanted any more. A session is everything below its sshd process, and everything that carries its login's
 * number (loginuid), which sudo hands on.
 */
const WORDS = lines(
  "set -f; export LC_ALL=C",
  `wanted() { cat ${LIST}; }`,
  `ours() { getent passwd | awk -F: '$5 == "${GECOS}" { print $1 }'; }`,
  'left() { for name in $(ours); do wanted | grep -qx "$name" || echo "$name"; done; }',
  `members() { getent group ${GROUP} | cut -d: -f4 | tr , '\\n' | sort; }`,
  'below() { for pid; do echo "$pid"; below $(pgrep -P "$pid"); done; }',
  "sessions() {",
  '  below $(pgrep -f "^sshd-session: $1( |@|$)")',
  '  pgrep -u "$1" || true',
  '  number=$(id -u "$1")',
  "  for pid in $(ps -eo pid=); do",
  '    [ "$(cat "/proc/$pid/loginuid" 2>/dev/null)" = "$number" ] && echo "$pid"',
  "  done",
  "  true",
  "}",
  'closed() { [ "$(getent shadow "$1" | cut -d: -f8)" = 1 ]; }',
);

const ACCOUNTS: Step = {
  name: "the operators' accounts",
  probe: [
    WORDS,
    lines(
      `[ "$(members)" = "$(wanted)" ] || exit 1`,
      "for name in $(wanted); do",
      '  ours | grep -qx "$name" || exit 1',
      '  ! closed "$name" || exit 1',
      "done",
      "for name in $(left); do",
      '  closed "$name" && [ -z "$(sessions "$name")" ] || exit 1',
      "done",
    ),
  ].join(""),
  act: [
    "set -e\n",
    WORDS,
    lines(
      `groupadd -f ${GROUP}`,
      "for name in $(wanted); do",
      '  if ! getent passwd "$name" >/dev/null; then',
      `    useradd --create-home --shell /bin/bash --password '*' --comment '${GECOS}' "$name"`,
      '  elif ! ours | grep -qx "$name"; then',
      '    echo "the account $name belongs to something else on this machine: give the person another name" >&2',
      "    exit 1",
      "  fi",
      "  usermod --expiredate '' \"$name\"",
      "done",
      `gpasswd --members "$(wanted | paste -sd ,)" ${GROUP} >/dev/null`,
      "for name in $(left); do",
      '  usermod --expiredate 1 "$name"',
      "  for attempt in 1 2 3 4 5; do",
      '    running=$(sessions "$name")',
      '    [ -n "$running" ] || break',
      "    kill -KILL $running 2>/dev/null || true",
      "    sleep 0.2",
      "  done",
      "done",
    ),
  ].join(""),
};
