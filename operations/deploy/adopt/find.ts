import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { HetznerItem } from "../../../clients/hetzner.ts";
import { parseUrn } from "../names.ts";
import type { StateResource } from "../state.ts";
import { type Listing, labelled, parts } from "./kinds.ts";

/** A resource that the program would create. */
export interface Planned {
  urn: string;
  type: string;
  /** Components have no counterpart in the cloud. */
  custom: boolean;
  parent: string;
  /** `<urn>::<id>` of its provider; empty for components. */
  provider: string;
  inputs: Record<string, unknown>;
}

/** A planned resource that the cloud has already. */
export interface Found extends Planned {
  id: string;
}

/** What a preview would create, in the order of its events (parents first). */
export function plannedCreations(events: EngineEvent[]): Planned[] {
  return events.flatMap(({ resourcePreEvent }) => {
    const step = resourcePreEvent?.metadata;
    if (step?.op !== "create" || !step.new) return [];
    const { urn, type, custom, parent, provider, inputs } = step.new;
    return [{ urn, type, custom: custom === true, parent, provider, inputs }];
  });
}

/** Labelled objects whose ids no resource of the state has. */
export function orphans(listing: Listing, resources: StateResource[]): { type: string; item: HetznerItem }[] {
  return Object.entries(labelled).flatMap(([type, collection]) => {
    const known = new Set(
      resources.filter((resource) => resource.type === type).map((resource) => resource.id),
    );
    return (listing[collection] ?? [])
      .filter((item) => !known.has(String(item.id)))
      .map((item) => ({ type, item }));
  });
}

/**
 * Which planned resources the cloud has already: labelled ones by the logical name that their label carries,
 * parts of labelled ones by what they join. What the state knows is never matched.
 */
export function matchPlanned(planned: Planned[], listing: Listing, resources: StateResource[]): Found[] {
  const unknown = orphans(listing, resources);
  const known = new Set(resources.map((resource) => `${resource.type} ${resource.id}`));
  return planned.flatMap((creation) => {
    const id = labelled[creation.type]
      ? matchLabelled(creation, unknown)
      : parts[creation.type]?.(creation.inputs, listing);
    return id && !known.has(`${creation.type} ${id}`) ? [{ ...creation, id }] : [];
  });
}

function matchLabelled(
  { type, urn }: Planned,
  unknown: { type: string; item: HetznerItem }[],
): string | null {
  const { name } = parseUrn(urn);
  const matches = unknown.filter(
    (orphan) => orphan.type === type && orphan.item.labels["phasewise-name"] === name,
  );
  return matches.length === 1 ? String(matches[0]!.item.id) : null;
}

/** State resources whose object the cloud does not have any more, and the parts of such objects. */
export function goneResources(resources: StateResource[], existing: Record<string, Set<string>>): string[] {
  const gone = resources.filter(({ type, id }) => {
    const collection = labelled[type];
    return collection !== undefined && id !== undefined && existing[collection]?.has(id) === false;
  });
  const goneIds = new Set(gone.map((resource) => resource.id));
  const goneParts = resources.filter(({ type, inputs = {} }) => {
    const owners = [
      inputs.networkId,
      inputs.serverId,
      inputs.volumeId,
      inputs.firewallId,
      inputs.loadBalancerId,
    ];
    return (
      parts[type] !== undefined && owners.some((owner) => owner !== undefined && goneIds.has(String(owner)))
    );
  });
  return [...gone, ...goneParts].map((resource) => resource.urn);
}

/** What `pulumi import` takes, with the components that are missing in the state above the resources. */
export function importRequest(
  found: Found[],
  planned: Planned[],
  resources: StateResource[],
): { nameTable: Record<string, string>; resources: Record<string, unknown>[] } {
  const inState = new Set(resources.map((resource) => resource.urn));
  const missing = new Map<string, Planned>();
  for (const { parent } of found) collectMissing(parent, planned, inState, missing);
  const references = [
    ...new Set([...found, ...missing.values()].flatMap((one) => [one.parent, providerUrn(one)])),
  ];
  const nameTable = Object.fromEntries(
    references.filter((urn) => urn !== "").map((urn, i) => [`known${i}`, urn]),
  );
  const keyOf = new Map(Object.entries(nameTable).map(([key, urn]) => [urn, key]));
  const entry = (one: Planned) => ({
    type: one.type,
    name: parseUrn(one.urn).name,
    ...(keyOf.has(one.parent) ? { parent: keyOf.get(one.parent) } : {}),
  });
  return {
    nameTable,
    resources: [
      ...[...missing.values()].reverse().map((one) => ({ ...entry(one), component: true })),
      ...found.map((one) => ({ ...entry(one), id: one.id, ...providerOf(one, keyOf, inState) })),
    ],
  };
}

function collectMissing(
  urn: string,
  planned: Planned[],
  inState: Set<string>,
  missing: Map<string, Planned>,
): void {
  if (urn === "" || inState.has(urn) || missing.has(urn)) return;
  const component = planned.find((one) => one.urn === urn && !one.custom && !one.type.startsWith("pulumi:"));
  if (!component) return;
  missing.set(urn, component);
  collectMissing(component.parent, planned, inState, missing);
}

function providerUrn({ provider }: Planned): string {
  return provider.slice(0, provider.lastIndexOf("::"));
}

/** An explicit provider is named; a default one is chosen by its version, which its name carries. */
function providerOf(one: Found, keyOf: Map<string, string>, inState: Set<string>): Record<string, string> {
  const urn = providerUrn(one);
  const version = /^default_(\d+)_(\d+)_(\d+)$/.exec(parseUrn(urn).name);
  if (version) return { version: version.slice(1).join(".") };
  const key = keyOf.get(urn);
  return key && inState.has(urn) ? { provider: key } : {};
}
