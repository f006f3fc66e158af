import { expect, test } from "vitest";
import { type ConvergerEvent, EventReader, type Result } from "../../../../../clients/converger/events.ts";
import { failureText } from "../../../../../clients/converger/failure.ts";
import { sources } from "../../../../../clients/converger.ts";
import { derivedHostKey } from "../../../../../plugins/native/host/hostKey.ts";
import { bootstrapKey, operatorKey } from "./sample.ts";

function read(...pieces: string[]): ConvergerEvent[] {
  const events: ConvergerEvent[] = [];
  const reader = new EventReader((event) => events.push(event));
  for (const piece of pieces) reader.push(piece);
  return events;
}

function result(values: object): Result {
  return read(`${JSON.stringify({ event: "result", ok: false, ...values })}\n`)[0] as Result;
}

test("events come whole, however the stream is cut", () => {
  expect(
    read(
      '{"event":"prog',
      'ress","role":null,"message":"a"}\n{"event":"notice",',
      '"role":"x","message":"b"}\n',
    ),
  ).toEqual([
    { event: "progress", role: null, message: "a" },
    { event: "notice", role: "x", message: "b" },
  ]);
});

test("a line that is no event is an error, not silence", () => {
  expect(() => read('{"event":"surprise"}\n')).toThrow();
});

test("a failure says role, what, the program's words, the journal and what next", () => {
  const error = {
    role: "patroni",
    message: "PostgreSQL accepts connections: not ready after 120 s",
    output: ["/run/postgresql:5432 - no response"],
    journal: [
      { unit: "patroni.service", lines: ["FATAL: could not map anonymous shared memory"] },
      { unit: "etcd.service", lines: [] },
    ],
  };
  expect(failureText("core-1", result({ error }))).toBe(
    [
      "core-1, patroni: PostgreSQL accepts connections: not ready after 120 s",
      "  /run/postgresql:5432 - no response",
      "Journal of patroni.service:",
      "  FATAL: could not map anonymous shared memory",
      "Journal of etcd.service:",
      "  (empty)",
      "What was done before stays; nothing that holds data was stopped or removed. Run again after the repair.",
    ].join("\n"),
  );
});

test("a run that was stopped or killed is called that", () => {
  expect(failureText("core-1", result({ cancelled: true }))).toBe(
    "core-1: stopped on request at a safe place. What was done stays; run again to go on.",
  );
  expect(failureText("core-1", result({ died: true }))).toContain("was killed before its end");
});

test("the host key follows from the operator's key and the first host key alone", () => {
  const key = derivedHostKey(operatorKey.privateKey, bootstrapKey.publicKey);
  expect(derivedHostKey(`${operatorKey.privateKey}\n`, `${bootstrapKey.publicKey} a comment`)).toEqual(key);
  expect(derivedHostKey(operatorKey.privateKey, operatorKey.publicKey).publicKey).not.toBe(key.publicKey);
  expect(derivedHostKey(bootstrapKey.privateKey, bootstrapKey.publicKey).publicKey).not.toBe(key.publicKey);
});

test("the launcher goes ahead, the rest is the converger, and its version is that of its text", () => {
  const { launch, files, version } = sources();
  expect(launch).toContain("def main(request)");
  expect(Object.keys(files)).toContain("__main__.py");
  expect(Object.keys(files)).not.toContain("launch.py");
  expect(version).toMatch(/^[0-9a-f]{16}$/);
  expect(sources().version).toBe(version);
});
