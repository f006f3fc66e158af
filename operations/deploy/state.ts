import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A resource as the state has it; secrets are left encrypted. */
export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  custom?: boolean;
  parent?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  protect?: boolean;
}

/** What the state says of a stack, without its secrets. */
export interface State {
  resources: StateResource[];
  /** URNs of operations that a killed engine had begun and not finished, with their kind ("creating", ...). */
  pending: { urn: string; kind: string }[];
}

interface RawDeployment {
  resources?: StateResource[] | null;
  pending_operations?: { resource: { urn: string }; type: string }[] | null;
}

/** Reads the state of a file backend without starting the CLI. Null where the stack does not exist. */
export async function readStateFile(backend: string, project: string, stack: string): Promise<State | null> {
  try {
    const text = await readFile(stateFile(backend, project, stack), "utf8");
    return stateOf(
      (JSON.parse(text) as { checkpoint: { latest?: RawDeployment | null } }).checkpoint.latest ?? {},
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Where a file backend keeps a stack. */
export function stateFile(backend: string, project: string, stack: string): string {
  return join(backend, ".pulumi", "stacks", project, `${stack}.json`);
}

/** @param text What `pulumi stack export` prints. */
export function parseExport(text: string): State {
  return stateOf((JSON.parse(text) as { deployment?: RawDeployment }).deployment ?? {});
}

/** What `pulumi stack import` takes to forget the pending operations of an export; everything else stays. */
export function withoutPending(text: string): string {
  const parsed = JSON.parse(text) as { deployment: Record<string, unknown> };
  delete parsed.deployment.pending_operations;
  return JSON.stringify(parsed);
}

/** The stack's outputs, secrets left encrypted; null where it was never brought up. */
export function stackOutputs(state: State): Record<string, unknown> | null {
  return state.resources.find((resource) => resource.type === "pulumi:pulumi:Stack")?.outputs ?? null;
}

function stateOf(deployment: RawDeployment): State {
  return {
    resources: deployment.resources ?? [],
    pending: (deployment.pending_operations ?? []).map(({ resource, type }) => ({
      urn: resource.urn,
      kind: type,
    })),
  };
}

/**
 * What `pulumi stack import` takes of another stack's export with its secrets in clear, so that they are encrypted by
 * this stack's own passphrase or KMS.
 * @param plain As `pulumi stack export --show-secrets` gave it.
 * @param own What `pulumi stack export` prints of this stack.
 */
export function withSecretsOf(plain: unknown, own: string): string {
  const { deployment, ...rest } = plain as { deployment: Record<string, unknown> };
  const { secrets_providers } = (JSON.parse(own) as { deployment: Record<string, unknown> }).deployment;
  return JSON.stringify({ ...rest, deployment: { ...deployment, secrets_providers } });
}
