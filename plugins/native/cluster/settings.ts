import { quote } from "../../../clients/ssh/quote.ts";
import type { Remote } from "./remote.ts";
import { literal } from "./sql.ts";

/** Changes of PostgreSQL's settings: tried before they are made, waited for afterwards. */

/** A value as PostgreSQL itself reads it (`512MB` is 65536 pages), or its words against it. */
export type Verdict = { value: string } | { refusal: string };

/** How a setting stands on the running server. */
export interface SettingState {
  value: string | null;
  /** It waits for a restart. */
  pending: boolean;
  /** What stands in the server's files for it. */
  file: string | null;
  /** What the server says against the line in its file. */
  error: string | null;
}

const MARK = "phasewise-verdict";

/**
 * An sh script that lets `postgres -C` read each value without touching the server that runs. One block of output
 * a setting, begun by a line `phasewise-verdict <name> <exit code>`.
 */
export function trialScript(
  values: Record<string, unknown>,
  server: { binaries: string; libraries: string; dataDirectory: string },
): string {
  const lines = [
    "try() {",
    `  code=0; out=$(runuser -u postgres -- ${quote(`${server.binaries}/postgres`)} -D ${quote(server.dataDirectory)} -C "$1" -c "$1=$2" 2>&1) || code=$?`,
    `  printf '${MARK} %s %s\\n%s\\n' "$1" "$code" "$out"`,
    "}",
    ...Object.entries(values).map(([name, value]) => `try ${quote(name)} ${quote(settingText(value))}`),
  ];
  const libraries = values.shared_preload_libraries;
  if (libraries !== undefined) lines.push(...librariesScript(settingText(libraries), server.libraries));
  return lines.join("\n");
}

/** A library that is not there keeps the server from its next start; `postgres -C` does not look for it. */
function librariesScript(setting: string, folder: string): string[] {
  const names = setting
    .split(",")
    .map((library) => library.trim().replace(/^"(.*)"$/, "$1"))
    .filter((library) => library !== "" && !library.includes("/"));
  return names.map((library) => {
    const words = quote(`FATAL:  there is no library ${library}`);
    return `[ -e ${quote(`${folder}/${library}.so`)} ] || printf '${MARK} shared_preload_libraries 1\n%s\n' ${words}`;
  });
}

export function parseTrial(output: string): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const block of output.split(new RegExp(`^${MARK} `, "m")).slice(1)) {
    const [head = "", ...lines] = block.split("\n");
    const [name = "", code] = head.split(" ");
    // Blanks at the end belong to the value, as that of log_line_prefix.
    const text = lines.join("\n").replace(/\n$/, "");
    verdicts.set(
      name,
      code === "0" ? { value: text.split("\n").at(-1) ?? "" } : { refusal: refusalWords(text) },
    );
  }
  return verdicts;
}

/** PostgreSQL's own sentence, without the time and process that it begins with. */
function refusalWords(text: string): string {
  const found = [...text.matchAll(/\b(?:FATAL|ERROR|HINT|DETAIL):\s+(.*)/g)].map((match) => match[1] ?? "");
  return found.length > 0 ? found.join(" ") : text.trim();
}

/** The text that Patroni writes for a value. */
export function settingText(value: unknown): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return String(value);
}

/** The message that names every refused setting with PostgreSQL's words; null where none was refused. */
export function refusalMessage(
  values: Record<string, unknown>,
  verdicts: Map<string, Verdict>,
): string | null {
  const refused = Object.entries(values).flatMap(([name, value]) => {
    const verdict = verdicts.get(name);
    return verdict !== undefined && "refusal" in verdict
      ? [`  ${name} = ${settingText(value)}: ${verdict.refusal}`]
      : [];
  });
  if (refused.length === 0) return null;
  return [
    `PostgreSQL refuses ${refused.length === 1 ? "a setting" : `${refused.length} settings`}:`,
    ...refused,
    "Nothing was changed: the cluster runs with its old configuration. Correct the value under postgresql.parameters.",
  ].join("\n");
}

/**
 * Asks how settings stand; one row of JSON. `reset_val`, because `setting` of tcp_keepalives_* tells what the
 * connection that asks uses: nothing, through a Unix socket.
 */
export function statesSql(names: string[]): string {
  const list = `ARRAY[${names.map(literal).join(", ")}]::text[]`;
  return `SELECT coalesce(json_object_agg(n, json_build_object(
  'value', coalesce((SELECT reset_val FROM pg_settings WHERE lower(name) = lower(n)), current_setting(n, true)),
  'pending', coalesce((SELECT pending_restart FROM pg_settings WHERE lower(name) = lower(n)), false),
  'file', (SELECT setting FROM pg_file_settings WHERE lower(name) = lower(n) ORDER BY seqno DESC LIMIT 1),
  'error', (SELECT max(error) FROM pg_file_settings WHERE lower(name) = lower(n) AND error IS NOT NULL))), '{}')
FROM unnest(${list}) n;
`;
}

/** The settings that are neither in force, with the value that PostgreSQL read them as, nor waiting for a restart. */
export function unsettled(wanted: Map<string, string>, states: Record<string, SettingState>): string[] {
  return [...wanted].flatMap(([name, value]) => {
    const state = states[name];
    return state === undefined || state.pending || state.value === value ? [] : [name];
  });
}

/**
 * The settings that wait for a restart which will bring another value than the declared one. `read` is how
 * PostgreSQL reads what stands in its files.
 */
export function replaced(wanted: Map<string, string>, read: Map<string, Verdict>): string[] {
  return [...read].flatMap(([name, verdict]) =>
    "value" in verdict && verdict.value === wanted.get(name) ? [] : [name],
  );
}

/** How PostgreSQL reads each value, without touching the server that runs. */
export async function tryValues(
  remote: Remote,
  server: { binaries: string; libraries: string; dataDirectory: string },
  values: Record<string, unknown>,
): Promise<Map<string, Verdict>> {
  if (Object.keys(values).length === 0) return new Map();
  const done = await remote.script(trialScript(values, server));
  const verdicts = parseTrial(done.stdout);
  const unheard = Object.keys(values).filter((name) => !verdicts.has(name));
  if (unheard.length > 0) {
    throw new Error(
      `PostgreSQL could not be asked about ${unheard.join(", ")}: ${done.stderr.trim()}\nNothing was changed.`,
    );
  }
  return verdicts;
}

export async function readStates(remote: Remote, names: string[]): Promise<Record<string, SettingState>> {
  return JSON.parse(await remote.psql(statesSql(names))) as Record<string, SettingState>;
}

/** Changes whenever the server reads its files again. */
export async function readLoadTime(remote: Remote): Promise<string> {
  return (await remote.psql("SELECT pg_conf_load_time();\n")).trim();
}
