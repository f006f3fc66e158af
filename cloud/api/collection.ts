import { type Cloud, titles } from "./cloud.ts";
import { ApiError, limitExceeded, notFound, notUnique } from "./errors.ts";
import { type Labels, labelMatcher } from "./labels.ts";
import {
  linkHeader,
  paginate,
  type Query,
  readPage,
  type SortKeys,
  sorted,
  value,
  values,
} from "./listing.ts";
import type { Action, ActionResource, Kind } from "./model.ts";
import { renderAction } from "./render.ts";

/** A request to one route. */
export interface Call {
  cloud: Cloud;
  /** The `:id` of the path. */
  id: number;
  /** The `:action` of the path. */
  actionId: number;
  /** All of the path's parameters as they were written. */
  parameters: Readonly<Record<string, string>>;
  body: unknown;
  query: Query;
  /** Path and query, without `/v1`. */
  url: string;
  /** What comes before `url`, for links. */
  base: string;
}

export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** As "/servers/:id/actions/poweron". */
  path: string;
  handle(call: Call): Reply | Promise<Reply>;
}

interface Entry {
  readonly id: number;
  readonly name?: string;
  readonly labels?: Labels;
  readonly created?: string;
}

/** A kind of thing that is listed and read in the same way as all others. */
export interface Collection<T extends Entry> {
  /** As in "/servers" and as the key of lists. */
  path: string;
  /** Key of a single one, as "server". */
  key: string;
  /** In messages, as "server". */
  title: string;
  entries(cloud: Cloud, query: Query): readonly T[];
  render(cloud: Cloud, entry: T): unknown;
  /** Query keys besides `name` and `label_selector`; given with several values, any of them will do. */
  filters?: Record<string, (entry: T, value: string) => boolean>;
  sort?: SortKeys<T>;
}

export const byNameAndCreated: SortKeys<{ id: number; name: string; created: string }> = {
  id: (entry) => entry.id,
  name: (entry) => entry.name,
  created: (entry) => entry.created,
};

function select<T extends Entry>(collection: Collection<T>, entries: readonly T[], query: Query): T[] {
  let selected = [...entries];
  const name = value(query, "name");
  if (name !== undefined) selected = selected.filter((entry) => entry.name === name);
  const selector = value(query, "label_selector");
  if (selector) {
    const matches = labelMatcher(selector);
    selected = selected.filter((entry) => matches(entry.labels ?? {}));
  }
  for (const [key, test] of Object.entries(collection.filters ?? {})) {
    const wanted = values(query, key);
    if (wanted.length > 0) selected = selected.filter((entry) => wanted.some((one) => test(entry, one)));
  }
  return sorted(selected, query, collection.sort ?? { id: (entry) => entry.id });
}

/** One page of the entries that the query selects. */
export function listReply<T extends Entry>(collection: Collection<T>, call: Call): Reply {
  const { cloud, query, url, base } = call;
  const selected = select(collection, collection.entries(cloud, query), query);
  const { entries, pagination } = paginate(selected, readPage(query));
  return {
    status: 200,
    body: {
      [collection.path]: entries.map((entry) => collection.render(cloud, entry)),
      meta: { pagination },
    },
    headers: { link: linkHeader(base, url, pagination) },
  };
}

/** @throws ApiError not_found */
export function readReply<T extends Entry>(
  collection: Collection<T>,
  { cloud, query }: Call,
  id: number,
): Reply {
  const entry = collection.entries(cloud, query).find((candidate) => candidate.id === id);
  if (!entry) throw notFound(collection.title, id);
  return { status: 200, body: { [collection.key]: collection.render(cloud, entry) } };
}

/** `GET` of the list and of single ones. */
export function readRoutes<T extends Entry>(collection: Collection<T>): Route[] {
  return [
    { method: "GET", path: `/${collection.path}`, handle: (call) => listReply(collection, call) },
    {
      method: "GET",
      path: `/${collection.path}/:id`,
      handle: (call) => readReply(collection, call, call.id),
    },
  ];
}

/** Those that the query names, without a look at all others: this is what clients poll. */
function actionsById(cloud: Cloud, ids: string[]): Action[] {
  return ids.flatMap((id) => cloud.store.get("action", Number(id)) ?? []).sort((a, b) => a.id - b.id);
}

/** Actions that concern a thing or a kind of thing; all of them without one. */
function actionCollection(resource?: { type: ActionResource["type"]; id?: number }): Collection<Action> {
  const concerned = (action: Action) =>
    !resource ||
    action.resources.some(
      ({ type, id }) => type === resource.type && (resource.id === undefined || id === resource.id),
    );
  return {
    path: "actions",
    key: "action",
    title: "action",
    entries: (cloud, query) => {
      const ids = [...new Set(values(query, "id"))];
      return (ids.length > 0 ? actionsById(cloud, ids) : cloud.store.all("action")).filter(concerned);
    },
    render: (_, action) => renderAction(action),
    filters: { status: (action, text) => action.status === text },
    sort: {
      id: (action) => action.id,
      command: (action) => action.command,
      status: (action) => action.status,
      started: (action) => action.started,
      finished: (action) => action.finished ?? "",
    },
  };
}

/**
 * The four routes by which the actions of one kind of thing are read.
 * @param named For things that the path names otherwise than by `:id`: the parameter, and what finds the id.
 */
export function actionRoutes(
  type: ActionResource["type"],
  path: string,
  named: { parameter: string; find(call: Call): number } = { parameter: "id", find: ({ id }) => id },
): Route[] {
  const of = (call: Call) => {
    const id = named.find(call);
    call.cloud.get(type, id);
    return actionCollection({ type, id });
  };
  const one = `/${path}/:${named.parameter}/actions`;
  return [
    {
      method: "GET",
      path: `/${path}/actions`,
      handle: (call) => listReply(actionCollection({ type }), call),
    },
    {
      method: "GET",
      path: `/${path}/actions/:action`,
      handle: (call) => readReply(actionCollection({ type }), call, call.actionId),
    },
    { method: "GET", path: one, handle: (call) => listReply(of(call), call) },
    {
      method: "GET",
      path: `${one}/:action`,
      handle: (call) => readReply(of(call), call, call.actionId),
    },
  ];
}

/** `GET /actions`, which Hetzner answers only for given ids, and `GET /actions/:id`. */
export function globalActionRoutes(): Route[] {
  return [
    {
      method: "GET",
      path: "/actions",
      handle: (call) => {
        if (values(call.query, "id").length > 0) return listReply(actionCollection(), call);
        throw new ApiError("deprecated_api_endpoint", "API functionality was removed", {
          details: {
            announcement:
              "https://docs.hetzner.cloud/changelog#2023-07-20-actions-list-endpoint-is-deprecated",
          },
        });
      },
    },
    { method: "GET", path: "/actions/:id", handle: (call) => readReply(actionCollection(), call, call.id) },
  ];
}

/** Refuses a name that another thing of the kind has. `what` as Hetzner says it: "server name", or "name". */
export function requireFreeName(
  cloud: Cloud,
  kind: Exclude<Kind, "action" | "rrset">,
  name: string,
  options: { what?: string; except?: number } = {},
): void {
  const taken = cloud.store.all(kind).some((row) => row.name === name && row.id !== options.except);
  if (taken) throw notUnique(options.what ?? "name", "name");
}

export function requireRoom(cloud: Cloud, kind: Exclude<Kind, "action">, limit: number): void {
  if (cloud.store.count(kind) >= limit) throw limitExceeded(titles[kind], `${kind}_limit`);
}

/** The reply to most actions. */
export function actionReply(action: Action): Reply {
  return { status: 201, body: { action: renderAction(action) } };
}

/** An action as it is now, which may be finished by now. */
export function current(cloud: Cloud, action: Action): Action {
  return cloud.store.get("action", action.id) ?? action;
}
