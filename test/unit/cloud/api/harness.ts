import type { InjectOptions } from "fastify";
import { expect } from "vitest";
import { Cloud } from "../../../../cloud/api/cloud.ts";
import type { Kinds } from "../../../../cloud/api/model.ts";
import { tasks } from "../../../../cloud/api/registry.ts";
import { createApi } from "../../../../cloud/api/server.ts";
import { Store } from "../../../../cloud/store/store.ts";
import { FakeHypervisor } from "./fakeHypervisor.ts";

export const token = "t".repeat(64);

export const publicKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA a@example.test";

// biome-ignore lint/suspicious/noExplicitAny: replies are checked by what the tests expect of them
export type Json = any;

export interface Reply {
  status: number;
  body: Json;
  headers: Record<string, unknown>;
}

/** An API over a fake world, spoken to without a network. */
export class Harness {
  readonly hypervisor: FakeHypervisor;
  readonly store: Store<Kinds>;
  readonly cloud: Cloud;
  readonly logged: string[] = [];
  readonly #app: ReturnType<typeof createApi>;

  constructor(store = new Store<Kinds>(":memory:"), hypervisor = new FakeHypervisor()) {
    this.store = store;
    this.hypervisor = hypervisor;
    const log = (line: string) => this.logged.push(line);
    this.cloud = new Cloud({ store, hypervisor, tasks, log });
    this.#app = createApi({ cloud: this.cloud, token, log });
  }

  async request(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<Reply> {
    const response = await this.#app.inject({
      method,
      url: `/v1${path}`,
      headers: { authorization: `Bearer ${token}`, host: "api.test" },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    return {
      status: response.statusCode,
      body: response.payload === "" ? null : JSON.parse(response.payload),
      headers: response.headers,
    };
  }

  get = (path: string) => this.request("GET", path);
  post = (path: string, body: unknown = {}) => this.request("POST", path, body);
  put = (path: string, body: unknown) => this.request("PUT", path, body);
  delete = (path: string) => this.request("DELETE", path);

  /** A request as it is given, without token. */
  inject(options: InjectOptions) {
    return this.#app.inject(options);
  }

  /** Waits for all work that is under way. */
  async settled(): Promise<void> {
    await this.cloud.engine.until(() => this.cloud.engine.running().length === 0, 5000);
    expect(this.cloud.engine.running()).toEqual([]);
  }

  /** Makes something that must succeed, and waits for its work. */
  async make(path: string, body: unknown): Promise<Json> {
    const reply = await this.post(path, body);
    expect(reply, JSON.stringify(reply.body)).toMatchObject({ status: 201 });
    await this.settled();
    return reply.body;
  }

  async makeServer(name: string, more: object = {}): Promise<Json> {
    const made = await this.make("/servers", {
      name,
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      ...more,
    });
    return made.server;
  }

  async server(id: number): Promise<Json> {
    return (await this.get(`/servers/${id}`)).body.server;
  }
}

/** Expects a refusal with exactly this status, code and message. */
export function expectRefusal(reply: Reply, status: number, code: string, message: string): void {
  expect({ status: reply.status, ...reply.body?.error }).toMatchObject({ status, code, message });
  expect(Object.keys(reply.body.error).sort()).toEqual(["code", "details", "message"]);
}
