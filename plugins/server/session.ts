import type { sendUnaryData } from "@grpc/grpc-js";
import type { EngineLog } from "./engine.ts";
import { grpcError } from "./errors.ts";
import type { Operations } from "./operations.ts";
import { provider, struct } from "./proto.ts";
import type { Redactor } from "./redact.ts";
import type { CheckFailure, Plugin, Properties } from "./resource.ts";
import { decodeProperties, encodeProperties, type Json } from "./wire.ts";

/** What the handlers of one running plugin share. */
export interface Session {
  plugin: Plugin;
  engine: EngineLog;
  operations: Operations;
  /** Knows the secrets of the plugin's configuration. */
  redactor: Redactor;
}

/** Turns an async method into a handler of grpc-js; log lines reach the engine before the answer does. */
export function unary<T, R>(
  session: Session,
  method: (request: T, redactor: Redactor) => Promise<R>,
  redactor?: () => Redactor,
) {
  return (call: { request: T }, callback: sendUnaryData<R>): void => {
    const hidden = redactor?.() ?? session.redactor;
    // Not called by `await`: a method that throws before its first await is caught as well.
    Promise.resolve()
      .then(() => method(call.request, hidden))
      .then(
        async (response) => {
          await session.engine.flush();
          callback(null, response);
        },
        async (error: unknown) => {
          await session.engine.flush();
          callback(
            grpcError(error, (text) => hidden.redact(text)),
            null,
          );
        },
      );
  };
}

/** Absent and empty both read as an empty bag. */
export function properties(message: { toJavaScript(): unknown } | undefined): Properties {
  return message === undefined ? {} : decodeProperties(message.toJavaScript() as { [key: string]: Json });
}

export function toStruct(values: Properties) {
  return struct.Struct.fromJavaScript(encodeProperties(values));
}

export function checkResponse(inputs: Properties, failures: CheckFailure[]) {
  const response = new provider.CheckResponse();
  response.setInputs(toStruct(inputs));
  for (const { property, reason } of failures) {
    const failure = new provider.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    response.addFailures(failure);
  }
  return response;
}
