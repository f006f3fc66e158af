/** One thing that somebody did on a machine. */
export interface Entry {
  /** UTC, ISO 8601. */
  time: string;
  machine: string;
  /** `command`: one of ours; `login`, `logout`, `refused`: SSH; `sudo`: a command as root or as somebody else. */
  kind: "command" | "login" | "logout" | "refused" | "sudo";
  /** An operator's name; root stands for the stack's own key. */
  person: string;
  /** Where they came from: an address, for commands a login name and host; empty where the entry does not say. */
  from: string;
  /** The command, the key's fingerprint, or why they were refused. */
  what: string;
}

/** A journal entry as journalctl writes it: texts, or numbers of bytes where a text is not UTF-8. */
type Fields = Record<string, string | number[] | undefined>;

type Reader = (message: string) => Omit<Entry, "time" | "machine"> | null;

/** @param text Lines of `journalctl -o json`. Entries that say nothing of people are left out. */
export function parseJournal(machine: string, text: string): Entry[] {
  return text.split("\n").flatMap((line) => {
    if (line.trim() === "") return [];
    const fields = JSON.parse(line) as Fields;
    const read = meaningOf(fields);
    const time = new Date(Number(fields.__REALTIME_TIMESTAMP) / 1000).toISOString();
    return read === null ? [] : [{ time, machine, ...read }];
  });
}

function meaningOf(fields: Fields): ReturnType<Reader> {
  const message = textOf(fields.MESSAGE);
  const person = textOf(fields.PHASEWISE_PERSON);
  if (person !== "") {
    const [from, what] = [textOf(fields.PHASEWISE_FROM), textOf(fields.PHASEWISE_COMMAND)];
    return { kind: "command", person, from, what };
  }
  return textOf(fields._EXE) === "/usr/bin/sudo" ? sudo(message) : sshd(message);
}

const sshd: Reader = (message) => {
  const login = /^Accepted publickey for (\S+) from (\S+) port \d+ ssh2: \S+ (\S+)/.exec(message);
  if (login) return entry("login", login[1], login[2], login[3]);
  const logout = /^Disconnected from user (\S+) (\S+) port/.exec(message);
  if (logout) return entry("logout", logout[1], logout[2], "");
  const refused =
    /^(?:Connection closed by|Connection reset by|Disconnected from) (authenticating|invalid) user (\S*) (\S+) port/.exec(
      message,
    );
  if (!refused) return null;
  return entry(
    "refused",
    refused[2],
    refused[3],
    refused[1] === "invalid" ? "no such account" : "no key of theirs",
  );
};

const sudo: Reader = (message) => {
  const ran = /^\s*(\S+) : (?:.* ; )?USER=(\S+) ;(?: .* ;)? COMMAND=(.*)$/s.exec(message);
  if (!ran) return null;
  const as = ran[2] === "root" ? "" : `as ${ran[2]}: `;
  return entry("sudo", ran[1], "", `${as}${ran[3]}`);
};

function entry(kind: Entry["kind"], person = "", from = "", what = ""): ReturnType<Reader> {
  return { kind, person, from, what: printable(what) };
}

function textOf(value: Fields[string]): string {
  return printable(Array.isArray(value) ? Buffer.from(value).toString("utf8") : (value ?? ""));
}

/** What people typed on a machine must not drive the terminal of whoever reads it here. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
}
