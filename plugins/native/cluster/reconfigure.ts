import { setTimeout as sleep } from "node:timers/promises";
import { type DynamicConfiguration, PatroniError } from "../../../clients/patroni.ts";
import { isObject } from "../../server/values.ts";
import { changedParameters, configurationPatch, inversePatch } from "./configuration.ts";
import type { Change } from "./others.ts";
import type { Remote } from "./remote.ts";
import {
  readLoadTime,
  readStates,
  refusalMessage,
  replaced,
  type SettingState,
  settingText,
  tryValues,
  unsettled,
  type Verdict,
} from "./settings.ts";
import type { ServerSurvey } from "./survey.ts";

const POLL_MS = 100;
/** Patroni wakes up at once when its configuration changes; one round of it and a reload fit in by far. */
const APPLY_SECONDS = 20;
/** Where only defaults come back Patroni may see no reason to reload. */
const RESET_SECONDS = 3;
/** Others may change the configuration in the same moment (Patroni then answers 409). */
const ATTEMPTS = 5;

/**
 * Brings the dynamic configuration to `wanted` and waits until the leader runs with it. New values are tried by
 * PostgreSQL first; one that does not come into force all the same is taken back, with all that came with it.
 * Gives what was changed, null where nothing was.
 */
export async function reconfigure(
  remote: Remote,
  server: ServerSurvey,
  wanted: DynamicConfiguration,
  previous: DynamicConfiguration,
  status: (line: string) => void,
): Promise<Change | null> {
  for (let attempt = 1; ; attempt++) {
    const actual = await remote.patroni.configuration();
    const patch = configurationPatch(actual, wanted, previous);
    if (patch === null) return null;
    const { set, reset } = changedParameters(patch);
    const verdicts = await tryValues(remote, server, set);
    const message = refusalMessage(set, verdicts);
    if (message !== null) throw new Error(message);
    status(`changing ${summary(patch, [...Object.keys(set), ...reset])}`);
    const before = await readLoadTime(remote);
    try {
      await remote.patroni.patchConfiguration(patch);
    } catch (error) {
      if (!(error instanceof PatroniError) || error.status !== 409 || attempt === ATTEMPTS) throw error;
      continue;
    }
    const settings = valuesOf(verdicts);
    const failure = await settle(remote, server, settings, reset.length > 0 ? before : null, patch);
    if (failure === null) return { patch, settings };
    await remote.patroni.patchConfiguration(inversePatch(actual, patch));
    throw new Error(failure);
  }
}

/** Waits for the new values; the message of what did not come into force, or null. */
async function settle(
  remote: Remote,
  server: ServerSurvey,
  wanted: Map<string, string>,
  loadTime: string | null,
  patch: DynamicConfiguration,
): Promise<string | null> {
  const begin = Date.now();
  for (;;) {
    const states = wanted.size === 0 ? {} : await readStates(remote, [...wanted.keys()]);
    const open = unsettled(wanted, states);
    const seconds = (Date.now() - begin) / 1000;
    const reloaded =
      loadTime === null || seconds > RESET_SECONDS || (await readLoadTime(remote)) !== loadTime;
    if (open.length === 0 && reloaded) {
      const waiting = Object.entries(states).filter(([, state]) => state.pending);
      const files = Object.fromEntries(waiting.map(([name, state]) => [name, state.file ?? ""]));
      const other = replaced(wanted, await tryValues(remote, server, files));
      return other.length > 0 ? notInForce(other, states, patch) : accessRules(remote, patch);
    }
    if (seconds > APPLY_SECONDS) return notInForce(open, states, patch);
    await sleep(POLL_MS);
  }
}

/** The values as PostgreSQL reads them. */
function valuesOf(verdicts: Map<string, Verdict>): Map<string, string> {
  return new Map(
    [...verdicts].flatMap(([name, verdict]) => ("value" in verdict ? [[name, verdict.value]] : [])),
  );
}

/** Lines of pg_hba that PostgreSQL does not understand keep all of the new ones from being used. */
async function accessRules(remote: Remote, patch: DynamicConfiguration): Promise<string | null> {
  if (!isObject(patch.postgresql) || patch.postgresql.pg_hba === undefined) return null;
  const sql =
    "SELECT 'line ' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL;\n";
  const faults = (await remote.psql(sql)).trim();
  if (faults === "") return null;
  return `PostgreSQL refuses postgresql.pg_hba:\n${faults}\nThe old configuration was put back. Correct these lines.`;
}

function notInForce(
  open: string[],
  states: Record<string, SettingState>,
  patch: DynamicConfiguration,
): string {
  const { set } = changedParameters(patch);
  const lines = open.map((name) => {
    const state = states[name];
    const kept = `Patroni puts ${state?.file ?? state?.value ?? "nothing"} in its place`;
    return `  ${name} = ${settingText(set[name])}: ${state?.pending === true ? kept : (state?.error ?? kept)}`;
  });
  return [
    "These settings do not come into force:",
    ...lines,
    "The old configuration was put back. Correct the value under postgresql.parameters.",
  ].join("\n");
}

function summary(patch: DynamicConfiguration, parameters: string[]): string {
  const other = Object.keys(patch).filter((key) => key !== "postgresql");
  const names = [...parameters, ...other];
  return names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
}
