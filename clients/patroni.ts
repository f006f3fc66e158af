import { z } from "zod";
import { quote } from "./ssh/quote.ts";
import type { SshSession } from "./ssh.ts";

/** How root on a machine speaks to Patroni there: its port, and paths of PEM files on that machine. */
export interface PatroniAccess {
  port: number;
  ca: string;
  certificate: string;
  key: string;
}

const restartReason = z.record(z.string(), z.object({ old_value: z.unknown(), new_value: z.unknown() }));

const member = z.object({
  name: z.string(),
  /** "leader", "standby_leader", "sync_standby", "quorum_standby" or "replica". */
  role: z.string(),
  /** "running", "streaming", "starting", "creating replica", "stopped", ... */
  state: z.string(),
  host: z.string().optional(),
  port: z.number().optional(),
  timeline: z.number().optional(),
  /** Bytes behind the leader. */
  lag: z.union([z.number(), z.literal("unknown")]).optional(),
  pending_restart: z.boolean().optional(),
  pending_restart_reason: restartReason.optional(),
  tags: z.record(z.string(), z.unknown()).optional(),
});

const cluster = z.object({
  members: z.array(member),
  pause: z.boolean().optional(),
  scope: z.string().optional(),
});

const status = z.object({
  /** "running", "starting", "stopped", ... */
  state: z.string(),
  /** "primary", "replica", ... */
  role: z.string(),
  /** 170006 for 17.6. */
  server_version: z.number().optional(),
  timeline: z.number().optional(),
  pause: z.boolean().optional(),
  pending_restart: z.boolean().optional(),
  pending_restart_reason: restartReason.optional(),
  patroni: z.object({ version: z.string(), scope: z.string(), name: z.string() }),
});

export type PatroniMember = z.infer<typeof member>;
export type PatroniCluster = z.infer<typeof cluster>;
export type PatroniStatus = z.infer<typeof status>;

/** Patroni's dynamic configuration: plain JSON. In a patch, null removes a key. */
export type DynamicConfiguration = Record<string, unknown>;

/** Patroni did not answer, or said no. `status` is the HTTP status, 0 without an answer. */
export class PatroniError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.name = "PatroniError";
    this.status = status;
  }
}

/** Patroni's REST API of one member, spoken by curl on that machine, which alone has the client certificate. */
export class Patroni {
  readonly #session: SshSession;
  readonly #access: PatroniAccess;

  constructor(session: SshSession, access: PatroniAccess) {
    this.#session = session;
    this.#access = access;
  }

  /** The whole cluster as this member sees it. */
  async cluster(signal?: AbortSignal): Promise<PatroniCluster> {
    return cluster.parse(JSON.parse(await this.#request("GET", "/cluster", { signal })));
  }

  /** This member alone; it answers in every state, with status 503 where PostgreSQL does not run. */
  async status(signal?: AbortSignal): Promise<PatroniStatus> {
    return status.parse(JSON.parse(await this.#request("GET", "/patroni", { signal, accept: [503] })));
  }

  async configuration(signal?: AbortSignal): Promise<DynamicConfiguration> {
    return z
      .record(z.string(), z.unknown())
      .parse(JSON.parse(await this.#request("GET", "/config", { signal })));
  }

  /** Merges `patch` into the dynamic configuration and returns the whole. Status 409: somebody else just did. */
  async patchConfiguration(patch: DynamicConfiguration): Promise<DynamicConfiguration> {
    const text = await this.#request("PATCH", "/config", { body: patch });
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  }

  /** Restarts PostgreSQL on this member; returns when it runs again. */
  async restart(options: { timeoutSeconds: number; onlyIfPending?: boolean }): Promise<void> {
    const body = {
      timeout: `${options.timeoutSeconds}s`,
      ...(options.onlyIfPending === true ? { restart_pending: true } : {}),
    };
    // 503 "restart conditions are not satisfied": nothing was pending.
    const accept = options.onlyIfPending === true ? [503] : [];
    await this.#request("POST", "/restart", { body, accept, seconds: options.timeoutSeconds + 30 });
  }

  /** Moves the leadership from `leader` to `candidate` now; returns when Patroni says it is done. */
  async switchover(leader: string, candidate: string, timeoutSeconds = 120): Promise<void> {
    await this.#request("POST", "/switchover", { body: { leader, candidate }, seconds: timeoutSeconds });
  }

  /** Makes `candidate` the primary by force; where the cluster has one, it is stopped first if it can be. */
  async failover(candidate: string, timeoutSeconds = 120): Promise<void> {
    await this.#request("POST", "/failover", { body: { candidate }, seconds: timeoutSeconds });
  }

  async #request(
    method: string,
    path: string,
    options: { body?: unknown; signal?: AbortSignal; accept?: number[]; seconds?: number },
  ): Promise<string> {
    const { ca, certificate, key, port } = this.#access;
    const { body, signal, accept = [], seconds = 10 } = options;
    const parts = [
      `curl -sS --max-time ${seconds} --cacert ${quote(ca)} --cert ${quote(certificate)} --key ${quote(key)}`,
      `-X ${method} -w '\\n%{http_code}'`,
      body === undefined ? "" : "-H 'Content-Type: application/json' --data-binary @-",
      quote(`https://127.0.0.1:${port}${path}`),
    ];
    const stdin = body === undefined ? undefined : JSON.stringify(body);
    const done = await this.#session.exec(parts.filter((part) => part !== "").join(" "), { stdin, signal });
    const cut = done.stdout.lastIndexOf("\n");
    const code = Number(done.stdout.slice(cut + 1));
    const text = done.stdout.slice(0, Math.max(cut, 0));
    if (done.code !== 0) {
      throw new PatroniError(`Patroni does not answer ${method} ${path}: ${done.stderr.trim()}`, 0);
    }
    if (code >= 300 && !accept.includes(code)) {
      throw new PatroniError(`Patroni answers ${method} ${path} with ${code}: ${text.trim()}`, code);
    }
    return text;
  }
}
