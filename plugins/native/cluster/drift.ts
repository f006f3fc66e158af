import { isObject } from "../../server/values.ts";
import { ownedConfiguration } from "./configuration.ts";
import { type ClusterState, rolesOf } from "./converge.ts";
import type { StoredCluster } from "./inputs.ts";
import type { Override } from "./overrides.ts";
import { type ActualRole, roleDifferences } from "./sql.ts";

/** Stands in a refreshed state for a password that is not the declared one. */
const ANOTHER = "(another password)";

/** The inputs as the cluster is: what a refresh stores, so that the next preview shows the way back. */
export function asFound(wanted: StoredCluster, state: ClusterState): StoredCluster {
  const found = structuredClone(wanted);
  found.dynamicConfiguration = ownedConfiguration(
    state.configuration,
    wanted.dynamicConfiguration,
  ) as StoredCluster["dynamicConfiguration"];
  noteOverrides(found, state.overrides);
  const actual = new Map(state.server.roles.map((role) => [role.name, role]));
  for (const role of rolesOf(wanted)) {
    noteRole(found, role.name, actual.get(role.name), roleDifferences(role, actual.get(role.name)));
  }
  const owners = new Map(state.server.databases.map((database) => [database.name, database.owner]));
  for (const [name, database] of Object.entries(found.databases)) {
    const owner = owners.get(name);
    if (owner === undefined) delete found.databases[name];
    else database.owner = owner;
  }
  for (const name of state.missingStatements) {
    const statement = found.statements[name];
    if (statement !== undefined) statement.found = "not as declared";
  }
  for (const name of state.missingSteps) {
    const step = found.steps[name];
    if (step !== undefined) step.found = "not done";
  }
  return found;
}

/** A setting by ALTER SYSTEM wins over the declared one, so it is what the cluster runs with. */
function noteOverrides(found: StoredCluster, overrides: Override[]): void {
  if (overrides.length === 0) return;
  const postgresql = isObject(found.dynamicConfiguration.postgresql)
    ? found.dynamicConfiguration.postgresql
    : {};
  const parameters = isObject(postgresql.parameters) ? { ...postgresql.parameters } : {};
  for (const { member, name, value } of overrides) parameters[name] = `${value} (ALTER SYSTEM on ${member})`;
  found.dynamicConfiguration = {
    ...found.dynamicConfiguration,
    postgresql: { ...postgresql, parameters },
  } as StoredCluster["dynamicConfiguration"];
}

function noteRole(
  found: StoredCluster,
  name: string,
  actual: ActualRole | undefined,
  differences: string[],
): void {
  const role = found.roles[name];
  if (role === undefined || differences.length === 0) return;
  if (actual === undefined) {
    delete found.roles[name];
    return;
  }
  role.login = actual.login;
  if (differences.includes("memberOf")) role.memberOf = actual.memberOf;
  role.settings = actual.settings;
  if (differences.includes("connectionLimit")) role.connectionLimit = actual.connectionLimit;
  if (differences.includes("attributes")) role.found = `attributes ${attributes(actual).join(", ")}`;
  if (differences.includes("password")) {
    if (role.passwordSecret === null) role.found = "has a password";
    else found.secrets[role.passwordSecret] = ANOTHER;
  }
}

function attributes(role: ActualRole): string[] {
  const names: [boolean, string][] = [
    [role.superuser, "SUPERUSER"],
    [role.replication, "REPLICATION"],
    [role.createRole, "CREATEROLE"],
    [role.createDatabase, "CREATEDB"],
    [role.bypassRls, "BYPASSRLS"],
  ];
  return names.filter(([has]) => has).map(([, name]) => name);
}
