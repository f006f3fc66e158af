import { credentials } from "@grpc/grpc-js";
import { engine, enginegrpc, type LogSeverity } from "./proto.ts";
import type { Context } from "./resource.ts";

export type Severity = Parameters<Context["log"]>[0];

const SEVERITIES: Record<Severity, LogSeverity> = { debug: 0, info: 1, warning: 2, error: 3 };

/** The engine's log: lines in a resource's row on the screen and messages under its diagnostics. */
export class EngineLog {
  #client: InstanceType<typeof enginegrpc.EngineClient> | null = null;
  readonly #pending = new Set<Promise<void>>();

  /** `address` as host:port; until this is called messages go to stderr. */
  connect(address: string): void {
    this.#client?.close();
    this.#client = new enginegrpc.EngineClient(address, credentials.createInsecure());
  }

  /** `ephemeral` lines live in the resource's row only. `urn` is empty for messages about the plugin itself. */
  log(severity: Severity, message: string, urn: string, ephemeral: boolean): void {
    const client = this.#client;
    if (client === null) {
      process.stderr.write(`${severity}: ${message}\n`);
      return;
    }
    const request = new engine.LogRequest();
    request.setSeverity(SEVERITIES[severity]);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    const sent = new Promise<void>((resolve) => {
      client.log(request, (error) => {
        // An engine that is gone reads no log; stderr is dumped by the engine if the plugin crashes.
        if (error !== null) process.stderr.write(`${severity}: ${message}\n`);
        resolve();
      });
    });
    this.#pending.add(sent);
    void sent.finally(() => this.#pending.delete(sent));
  }

  /** Resolves when every message is with the engine: an answer must not overtake its own log lines. */
  async flush(): Promise<void> {
    await Promise.all(this.#pending);
  }
}
