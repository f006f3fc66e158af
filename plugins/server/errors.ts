import { status as Code, Metadata } from "@grpc/grpc-js";
import { any, provider, status, struct } from "./proto.ts";
import { PartialFailure } from "./resource.ts";
import { encodeProperties } from "./wire.ts";

/** What grpc-js takes as the error of a call. */
export interface GrpcError {
  code: Code;
  details: string;
  metadata?: Metadata;
}

/** An error with its code, for what is no failure of a resource. */
export class ProtocolError extends Error {
  readonly code: Code;
  constructor(code: Code, message: string) {
    super(message);
    this.name = "ProtocolError";
    this.code = code;
  }
}

/** The text of anything thrown, with all its lines and the causes below it. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [error.message, ...error.errors.map(errorText)].filter((line) => line !== "").join("\n");
  }
  const text = error.message === "" ? error.name : error.message;
  if (error.cause === undefined) return text;
  const cause = errorText(error.cause);
  return text.includes(cause) ? text : `${text}\n${cause}`;
}

/**
 * The error as the engine reads it. A `PartialFailure` travels as `ErrorResourceInitFailed` in
 * `grpc-status-details-bin`: Go's gRPC reads typed details from there, grpc-js has no support of its own.
 */
export function grpcError(error: unknown, redact: (text: string) => string): GrpcError {
  const message = redact(errorText(error));
  if (!(error instanceof PartialFailure)) {
    return { code: error instanceof ProtocolError ? error.code : Code.UNKNOWN, details: message };
  }
  const failed = new provider.ErrorResourceInitFailed();
  failed.setId(error.id);
  failed.setProperties(struct.Struct.fromJavaScript(encodeProperties(error.outputs)));
  failed.setInputs(struct.Struct.fromJavaScript(encodeProperties(error.inputs)));
  failed.setReasonsList(error.reasons.map(redact));
  const detail = new any.Any();
  detail.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const state = new status.Status();
  state.setCode(Code.UNKNOWN);
  state.setMessage(message);
  state.addDetails(detail);
  const metadata = new Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(state.serializeBinary()));
  return { code: Code.UNKNOWN, details: message, metadata };
}
