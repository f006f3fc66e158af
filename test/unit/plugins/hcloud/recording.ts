import { readFileSync } from "node:fs";
import type { Transport } from "../../../../plugins/hcloud/api/client.ts";
import { type Properties, Secret } from "../../../../plugins/server/resource.ts";

/** One operation of the official plugin; see fixtures/README.md. */
export interface RecordedCase {
  variant: string;
  case: string;
  inputs?: Properties;
  options?: { deleteBeforeReplace?: boolean };
  diff: {
    kind: string | null;
    replaceKeys: string[];
    reasons: string[];
    detailed: Record<string, string> | null;
  };
  requests: (RecordedCall | { poll: string })[];
  error?: string | { panic: true };
  warnings?: number;
  state: { id: string; inputs: Properties; outputs: Properties; initErrors?: number } | null;
}

interface RecordedCall {
  call: string;
  body?: unknown;
  status: number;
  response?: unknown;
}

export function recordedCases(type: string): RecordedCase[] {
  const file = new URL(`fixtures/${type}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as RecordedCase[];
}

const PLACEHOLDER = /\{([a-z_]+[0-9_]*)\}/g;
/** Placeholders for texts that the plugin chooses itself, and what they look like. */
const CHOSEN: Record<string, RegExp> = { hex7: /^[0-9a-f]{7}/, hex7_2: /^[0-9a-f]{7}/, random: /^\d{7}/ };

/** Stands in for the things of a recorded stack: gives each placeholder a value and keeps it. */
export class Cast {
  readonly #values = new Map<string, string>();

  /** A recorded value with its placeholders filled in; chosen texts must have been seen before. */
  fill(value: unknown): unknown {
    if (typeof value === "string") {
      const whole = /^#\{([a-z_]+[0-9_]*)\}$/.exec(value);
      if (whole !== null) return Number(this.#value(whole[1]!));
      return value.replaceAll(PLACEHOLDER, (_text, name: string) => this.#value(name));
    }
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (value === null || typeof value !== "object") return value;
    const keys = Object.keys(value);
    if (keys.length === 1 && keys[0] === "secret")
      return new Secret(this.fill((value as { secret: unknown }).secret));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.fill(item)]));
  }

  /** Learns the texts that the plugin chose, from where the recording has a placeholder for them. */
  learn(recorded: unknown, actual: unknown): void {
    if (typeof recorded === "string" && typeof actual === "string") this.#learnText(recorded, actual);
    if (recorded === null || typeof recorded !== "object" || actual === null || typeof actual !== "object")
      return;
    for (const [key, item] of Object.entries(recorded)) this.learn(item, (actual as Properties)[key]);
  }

  #learnText(recorded: string, actual: string): void {
    const [text, name = ""] = /\{([a-z_]+[0-9_]*)\}$/.exec(recorded) ?? [];
    const shape = CHOSEN[name];
    if (text === undefined || shape === undefined) return;
    const start = recorded.length - text.length;
    const found = shape.exec(actual.slice(start));
    if (found !== null && recorded.slice(0, start) === actual.slice(0, start))
      this.#values.set(name, found[0]);
  }

  #value(name: string): string {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    if (name === "time") return "2026-11-01T00:00:00Z";
    // Ids of a plausible size, so that no two kinds share one.
    const made = String(100_000_000 + this.#values.size);
    if (!(name in CHOSEN)) this.#values.set(name, made);
    return made;
  }
}

/** Plays the API: every request must be the next of the script, and gets the recorded answer. */
export class ScriptedApi {
  #script: RecordedCase["requests"] = [];
  readonly #cast: Cast;
  /** The first request that was not as recorded; the plugin may have swallowed the error it got for it. */
  unexpected: string | null = null;

  constructor(cast: Cast) {
    this.#cast = cast;
  }

  play(requests: RecordedCase["requests"]): void {
    this.#script = [...requests];
    this.unexpected = null;
  }

  /** What is left of the script. */
  get left(): string[] {
    return this.#script.map((step) => ("poll" in step ? step.poll : step.call));
  }

  transport: Transport = async ({ method, url, body }) => {
    const asked = `${method} ${url.replace("http://api.test/v1", "")}`;
    const sent: unknown = body === undefined ? undefined : JSON.parse(body);
    const step = this.#script.shift();
    const expected = step === undefined ? undefined : "poll" in step ? `GET ${step.poll}` : step.call;
    if (expected === undefined || asked !== this.#cast.fill(expected)) {
      return this.#refuse(
        `asked ${asked}, recorded was ${String(this.#cast.fill(expected ?? "nothing more"))}`,
      );
    }
    if (step !== undefined && "poll" in step) return ok(200, { actions: polled(url) });
    const { body: wanted, status, response } = step as RecordedCall;
    this.#cast.learn(wanted, sent);
    if (JSON.stringify(sorted(sent)) !== JSON.stringify(sorted(this.#cast.fill(wanted)))) {
      return this.#refuse(`${asked} sent ${body}, recorded was ${JSON.stringify(this.#cast.fill(wanted))}`);
    }
    return ok(status, response === undefined ? undefined : this.#cast.fill(response));
  };

  #refuse(message: string) {
    this.unexpected ??= message;
    return ok(400, { error: { code: "unexpected", message } });
  }
}

function polled(url: string) {
  const ids = new URL(url).searchParams.getAll("id").map(Number);
  return ids.map((id) => ({ id, command: "any", status: "success", error: null, resources: [] }));
}

function ok(status: number, body: unknown) {
  return { status, text: body === undefined ? "" : JSON.stringify(body), correlationId: null };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
