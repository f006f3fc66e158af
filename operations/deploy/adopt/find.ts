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
    const { urn, type, custom, parent, inputs } = step.new;
    return [{ urn, type, custom: custom === true, parent, inputs }];
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

/**
 * State resources whose object the cloud does not have any more, with the parts of such objects, and parts that
 * were taken off an object that is still there.
 * @param existing Ids by collection.
 */
export function goneResources(
  resources: StateResource[],
  existing: Record<string, Set<string>>,
  listing: Listing,
): string[] {
  const gone = resources.filter(({ type, id }) => {
    const collection = labelled[type];
    return collection !== undefined && id !== undefined && existing[collection]?.has(id) === false;
  });
  const goneIds = new Set(gone.map((resource) => resource.id));
  const listed = new Set(Object.values(listing).flatMap((items) => items.map((item) => item.id)));
  const goneParts = resources.filter(({ type, inputs = {} }) => {
    const find = parts[type];
    const owners = ownerIds(inputs);
    if (!find || owners.length === 0) return false;
    if (owners.some((owner) => goneIds.has(String(owner)))) return true;
    return owners.every((owner) => listed.has(owner)) && find(inputs, listing) === null;
  });
  return [...gone, ...goneParts].map((resource) => resource.urn);
}

function ownerIds(inputs: Record<string, unknown>): number[] {
  const { networkId, serverId, volumeId, firewallId, loadBalancerId } = inputs;
  const ids = [networkId, serverId, volumeId, firewallId, loadBalancerId].filter(
    (id) => id !== undefined && id !== null,
  );
  return ids.map(Number);
}

/** What is to be updated so that the found ones are taken over: themselves, and the components above that the state lacks. */
export function targetsOf(found: Found[], planned: Planned[], resources: StateResource[]): string[] {
  const inState = new Set(resources.map((resource) => resource.urn));
  const byUrn = new Map(planned.map((one) => [one.urn, one]));
  const targets = new Set<string>();
  const add = (urn: string): void => {
    if (urn === "" || inState.has(urn) || targets.has(urn)) return;
    targets.add(urn);
    add(byUrn.get(urn)?.parent ?? "");
  };
  for (const one of found) add(one.urn);
  return [...targets];
}
