import { z } from "zod";
import { quote } from "./ssh/quote.ts";
import type { SshSession } from "./ssh.ts";

/** How root on a machine speaks to etcd there: its port, and paths of PEM files on that machine. */
export interface EtcdAccess {
  port: number;
  ca: string;
  certificate: string;
  key: string;
}

/** gRPC's status "unavailable". */
export const UNAVAILABLE = 14;

/** etcd did not answer, or said no. `code` is the gRPC status, 14 (unavailable) without an answer. */
export class EtcdError extends Error {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.name = "EtcdError";
    this.code = code;
  }
}

/** A key's value with the revision at which it was written last. */
export interface Entry {
  value: string;
  revision: string;
  /** Id of the lease that the key ends with; null where it has none. */
  lease: string | null;
}

export interface EtcdMember {
  id: string;
  /** Empty until the member has started for the first time. */
  name: string;
  peerUrls: string[];
  /** It copies, and has no vote yet. */
  learner: boolean;
}

/** Numbers of 64 bits are strings in the JSON that etcd speaks; what is zero or false is left out. */
const number64 = z.string().default("0");
const header = z.looseObject({});
const keyValue = z.object({
  value: z.base64().default(""),
  mod_revision: number64,
  lease: z.string().optional(),
});
const rangeResponse = z.object({ header, kvs: z.array(keyValue).default([]) });
const txnResponse = z.object({ header, succeeded: z.boolean().default(false) });
const grantResponse = z.object({ ID: z.string() });
/** It streams: what goes wrong stands beside the result. */
const keepAliveResponse = z.object({
  result: z.object({ TTL: number64 }).optional(),
  error: z.looseObject({ message: z.string(), grpc_code: z.number().optional() }).optional(),
});
const timeToLiveResponse = z.object({ TTL: number64, grantedTTL: number64 });
const member = z.object({
  ID: z.string(),
  name: z.string().default(""),
  peerURLs: z.array(z.string()).default([]),
  isLearner: z.boolean().default(false),
});
const memberListResponse = z.object({ header, members: z.array(member).default([]) });
const failure = z.object({ code: z.number(), message: z.string() });

/** What must hold for a write to happen: a key is absent, or still at a revision. */
export type Condition = { key: string; absent: true } | { key: string; revision: string };

/**
 * The etcd of one machine, by its JSON gateway, spoken by curl there, which alone has the client certificate. Bodies
 * travel on its standard input: values never stand among arguments.
 */
export class Etcd {
  readonly #session: SshSession;
  readonly #access: EtcdAccess;

  constructor(session: SshSession, access: EtcdAccess) {
    this.#session = session;
    this.#access = access;
  }

  async get(key: string): Promise<Entry | null> {
    const { kvs } = rangeResponse.parse(await this.#post("/v3/kv/range", { key: encode(key) }));
    const [found] = kvs;
    if (!found) return null;
    const lease = found.lease === undefined || found.lease === "0" ? null : found.lease;
    return { value: decode(found.value), revision: found.mod_revision, lease };
  }

  /**
   * Writes a key (null: deletes it) where all conditions hold, in one transaction.
   * @returns Whether they did.
   */
  async put(key: string, value: string | null, conditions: Condition[], lease?: string): Promise<boolean> {
    const success =
      value === null
        ? { request_delete_range: { key: encode(key) } }
        : { request_put: { key: encode(key), value: encode(value), ...(lease ? { lease } : {}) } };
    const answer = await this.#post("/v3/kv/txn", { compare: conditions.map(compare), success: [success] });
    return txnResponse.parse(answer).succeeded;
  }

  /** @returns Its id. Keys put with it are deleted when it ends. */
  async grantLease(seconds: number): Promise<string> {
    return grantResponse.parse(await this.#post("/v3/lease/grant", { TTL: String(seconds) })).ID;
  }

  /** @returns The seconds for which it is good again; 0 where it has ended. */
  async keepLeaseAlive(id: string): Promise<number> {
    const path = "/v3/lease/keepalive";
    const { error, result } = keepAliveResponse.parse(await this.#post(path, { ID: id }));
    if (result) return Number(result.TTL);
    throw new EtcdError(
      `etcd answers ${path}: ${error?.message ?? "nothing"}`,
      error?.grpc_code ?? UNAVAILABLE,
    );
  }

  /** @returns Seconds that are left; 0 or less where it has ended. */
  async leaseSeconds(id: string): Promise<number> {
    return Number(timeToLiveResponse.parse(await this.#post("/v3/lease/timetolive", { ID: id })).TTL);
  }

  async revokeLease(id: string): Promise<void> {
    await this.#post("/v3/lease/revoke", { ID: id });
  }

  async members(): Promise<EtcdMember[]> {
    return membersOf(await this.#post("/v3/cluster/member/list", { linearizable: true }));
  }

  /** Adds a member that copies until `promoteMember` gives it a vote. */
  async addLearner(peerUrl: string): Promise<void> {
    await this.#post("/v3/cluster/member/add", { peerURLs: [peerUrl], isLearner: true });
  }

  /** Fails with code 9 while the learner has not caught up. */
  async promoteMember(id: string): Promise<void> {
    await this.#post("/v3/cluster/member/promote", { ID: id });
  }

  async removeMember(id: string): Promise<void> {
    await this.#post("/v3/cluster/member/remove", { ID: id });
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const { ca, certificate, key, port } = this.#access;
    const command = [
      `curl -sS --max-time 10 --cacert ${quote(ca)} --cert ${quote(certificate)} --key ${quote(key)}`,
      `--data-binary @- ${quote(`https://127.0.0.1:${port}${path}`)}`,
    ].join(" ");
    const done = await this.#session.exec(command, { stdin: JSON.stringify(body) });
    if (done.code !== 0) {
      throw new EtcdError(`etcd does not answer ${path}: ${done.stderr.trim()}`, UNAVAILABLE);
    }
    const answer: unknown = JSON.parse(done.stdout);
    const failed = failure.safeParse(answer);
    if (failed.success) throw new EtcdError(`etcd answers ${path}: ${failed.data.message}`, failed.data.code);
    return answer;
  }
}

function compare(condition: Condition): Record<string, string> {
  const key = encode(condition.key);
  return "absent" in condition
    ? { target: "CREATE", result: "EQUAL", key, create_revision: "0" }
    : { target: "MOD", result: "EQUAL", key, mod_revision: condition.revision };
}

function membersOf(answer: unknown): EtcdMember[] {
  return memberListResponse.parse(answer).members.map((each) => ({
    id: each.ID,
    name: each.name,
    peerUrls: each.peerURLs,
    learner: each.isLearner,
  }));
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decode(text: string): string {
  return Buffer.from(text, "base64").toString();
}
