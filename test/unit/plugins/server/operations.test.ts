import { describe, expect, it } from "vitest";
import { errorText, grpcError } from "../../../../plugins/server/errors.ts";
import { Operations } from "../../../../plugins/server/operations.ts";
import { provider, status } from "../../../../plugins/server/proto.ts";
import { Redactor } from "../../../../plugins/server/redact.ts";
import { PartialFailure, Secret } from "../../../../plugins/server/resource.ts";
import { engineAddress } from "../../../../plugins/server/serve.ts";

describe("Operations", () => {
  it("fails a hanging operation with the error that was thrown beside it", async () => {
    const operations = new Operations(10);
    const hanging = operations.run(() => new Promise(() => {}));
    operations.stray(new Error("in a timer"));
    await expect(hanging).rejects.toThrow("The plugin met an error that it did not expect: in a timer");
  });

  it("keeps what a create made although an error was thrown beside it", async () => {
    const operations = new Operations();
    const made = operations.run(
      async () => {
        operations.stray(new Error("in a timer"));
        return "7";
      },
      (id) => new PartialFailure({ id, inputs: {}, outputs: { a: 1 }, reasons: [] }),
    );
    await expect(made).rejects.toMatchObject({
      id: "7",
      outputs: { a: 1 },
      reasons: ["The plugin met an error that it did not expect: in a timer"],
    });
  });

  it("blames only the operation in which it was thrown", async () => {
    const operations = new Operations(10);
    const other = operations.run(async () => await new Promise((resolve) => setTimeout(resolve, 50, "fine")));
    const failing = operations.run(async () => {
      setTimeout(() => operations.stray(new Error("mine")), 1);
      await new Promise(() => {});
    });
    await expect(failing).rejects.toThrow("mine");
    await expect(other).resolves.toBe("fine");
  });

  it("reports an error from between two operations in the next one", async () => {
    const operations = new Operations();
    operations.stray("early");
    await expect(operations.run(async () => 1)).rejects.toThrow("did not expect: early");
    await expect(operations.run(async () => 1)).resolves.toBe(1);
  });

  it("aborts what runs and what comes", async () => {
    const operations = new Operations();
    const aborted = (signal: AbortSignal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve("at once");
        signal.addEventListener("abort", () => resolve("later"));
      });
    const running = operations.run(aborted);
    operations.cancel();
    await expect(running).resolves.toBe("later");
    await expect(operations.run(aborted)).resolves.toBe("at once");
    await operations.idle();
  });
});

describe("errors", () => {
  it("carries all lines and causes", () => {
    const error = new Error("One.\nTwo.", { cause: new AggregateError([new Error("Three."), "Four."], "") });
    expect(errorText(error)).toBe("One.\nTwo.\nThree.\nFour.");
  });

  it("packs a partial failure as the engine reads it, without secrets in its reasons", () => {
    const redactor = new Redactor();
    redactor.learn({ password: new Secret("hunter2222") });
    const failure = new PartialFailure({
      id: "7",
      inputs: { password: new Secret("hunter2222") },
      outputs: { a: 1, gap: undefined },
      reasons: ["hunter2222 is refused"],
    });
    const packed = grpcError(failure, (text) => redactor.redact(text));
    const bytes = packed.metadata?.get("grpc-status-details-bin")[0] as Buffer;
    const detail = status.Status.deserializeBinary(bytes).getDetailsList()[0];
    const failed = detail?.unpack(
      provider.ErrorResourceInitFailed.deserializeBinary,
      "pulumirpc.ErrorResourceInitFailed",
    );
    expect(packed.details).toBe("[secret] is refused");
    expect(failed?.getReasonsList()).toEqual(["[secret] is refused"]);
    expect(failed?.getId()).toBe("7");
    expect(failed?.getProperties()?.toJavaScript()).toEqual({ a: 1 });
  });

  it("hides each line of a long secret", () => {
    const parent = new Redactor();
    parent.learn(new Secret("-----BEGIN KEY-----\nabcdefghijklmnopqrstuv\nend"));
    const child = new Redactor(parent);
    child.learn({ list: [new Secret({ pin: 12345 })] });
    expect(child.redact("at abcdefghijklmnopqrstuv, pin 12345, end")).toBe("at [secret], pin [secret], end");
  });
});

describe("engineAddress", () => {
  it("is the first argument that is no flag of the engine's", () => {
    expect(engineAddress(["--logtostderr", "-v=9", "--tracing", "http://t", "127.0.0.1:5"])).toBe(
      "127.0.0.1:5",
    );
    expect(engineAddress([])).toBeNull();
  });
});
