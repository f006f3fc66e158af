import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { OPERATOR_VARIABLE } from "../clients/ssh/visitor.ts";

/**
 * Tells this process, and the engine and plugins that it starts, the name under which the machines' journals know
 * who runs it: PHASEWISE_OPERATOR as it was given, else the person in the stack's file whose key lies in ~/.ssh.
 * Without either it is the login name.
 *
 * @param keys What stands under `phasewise:access` in the stack's file, not judged yet.
 */
export function nameOperator(access: unknown, folder: string = join(homedir(), ".ssh")): void {
  if (process.env[OPERATOR_VARIABLE]) return;
  const person = personOf(access, ownPublicKeys(folder));
  if (person !== null) process.env[OPERATOR_VARIABLE] = person;
}

/** The person in a stack's file who has one of these keys; null where nobody has. */
export function personOf(access: unknown, publicKeys: string[]): string | null {
  const people = (access as { keys?: unknown } | null | undefined)?.keys;
  if (people === null || typeof people !== "object") return null;
  const own = new Set(publicKeys.map(body));
  const found = Object.entries(people).find(([, keys]) =>
    [keys].flat().some((key) => typeof key === "string" && own.has(body(key))),
  );
  return found?.[0] ?? null;
}

function ownPublicKeys(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith(".pub"));
  return files.map((name) => readFileSync(join(folder, name), "utf8"));
}

/** A key without its type and comment. */
function body(key: string): string {
  return key.trim().split(/\s+/)[1] ?? "";
}
