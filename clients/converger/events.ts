import { z } from "zod";

/** What the converger says, one JSON object a line. */

const pending = z.array(z.object({ unit: z.string(), reason: z.string() }));

const facts = z.object({
  memoryBytes: z.number(),
  cores: z.number(),
  debianVersion: z.string(),
  kernel: z.string(),
  machineId: z.string(),
});

const difference = z.object({
  role: z.string().nullable(),
  kind: z.string(),
  name: z.string(),
  what: z.array(z.string()),
  actual: z.record(z.string(), z.string()).optional(),
});

const failure = z.object({
  role: z.string().nullable().optional(),
  message: z.string(),
  output: z.array(z.string()).default([]),
  journal: z.array(z.object({ unit: z.string(), lines: z.array(z.string()) })).default([]),
});

const change = { role: z.string().nullable(), kind: z.string(), name: z.string(), what: z.string() };

const event = z.discriminatedUnion("event", [
  z.object({ event: z.literal("unit"), unit: z.string(), attached: z.boolean() }),
  z.object({ event: z.literal("progress"), role: z.string().nullable(), message: z.string() }),
  z.object({ event: z.literal("notice"), role: z.string().nullable(), message: z.string() }),
  z.object({ event: z.literal("changed"), ...change }),
  z.object({
    event: z.literal("result"),
    ok: z.boolean(),
    seconds: z.number().default(0),
    cancelled: z.boolean().default(false),
    died: z.boolean().default(false),
    error: failure.optional(),
    changed: z.array(z.object(change)).default([]),
    differences: z.array(difference).default([]),
    /** Probes of a look that did not come to an answer in their time: nobody knows whether they would differ. */
    unanswered: z
      .array(z.object({ role: z.string().nullable(), kind: z.string(), name: z.string() }))
      .default([]),
    pending: pending.default([]),
    facts: facts.optional(),
    hostKey: z.string().nullable().default(null),
  }),
]);

export type ConvergerEvent = z.infer<typeof event>;
export type Difference = z.infer<typeof difference>;
export type Failure = z.infer<typeof failure>;
export type Facts = z.infer<typeof facts>;
export type PendingRestart = z.infer<typeof pending>[number];
export type Result = Extract<ConvergerEvent, { event: "result" }>;

/** Splits a stream of text into events; calls back once for each whole line. */
export class EventReader {
  #rest = "";
  readonly #receive: (event: ConvergerEvent) => void;

  constructor(receive: (event: ConvergerEvent) => void) {
    this.#receive = receive;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() !== "") this.#receive(event.parse(JSON.parse(line)));
    }
  }
}
