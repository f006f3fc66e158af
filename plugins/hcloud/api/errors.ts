/** An error answer of the API. The first line is the API's own message with its code. */
export class ApiError extends Error {
  /** As `not_found`, `uniqueness_error`; empty where the answer was not the API's. */
  readonly code: string;
  readonly status: number;
  constructor(args: { message: string; code: string; status: number; request: string }) {
    super(`${args.message}\nThe answer to ${args.request} had status ${args.status}.`);
    this.name = "ApiError";
    this.code = args.code;
    this.status = args.status;
  }
}

/** An action that the API took on and that failed later. */
export class ActionError extends Error {
  readonly action: Action;
  constructor(action: Action) {
    const { message, code } = action.error ?? { message: "no reason was given", code: "<unknown>" };
    const resources = (action.resources ?? []).map(({ type, id }) => `${type} ${id}`).join(", ");
    const subject = resources === "" ? "" : ` on ${resources}`;
    super(`${message} (${code}, ${action.id})\nThe action ${action.command}${subject} failed.`);
    this.name = "ActionError";
    this.action = action;
  }
}

/** Work that the API does in the background. */
export interface Action {
  id: number;
  command: string;
  status: "running" | "success" | "error";
  error?: { code: string; message: string } | null;
  resources?: { type: string; id: number }[];
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof ApiError && codes.includes(error.code);
}

/** Reads an error answer; `text` is whatever came. */
export function apiError(args: {
  status: number;
  text: string;
  request: string;
  correlationId: string | null;
}): ApiError {
  const { status, request } = args;
  const error = parse(args.text);
  if (error === null) {
    return new ApiError({
      message: `The server answered with status code ${status}.`,
      code: "",
      status,
      request,
    });
  }
  const id = args.correlationId === null || args.correlationId === "" ? "" : `, ${args.correlationId}`;
  const fields = error.details?.fields ?? [];
  const named = fields.map((field) => `${field.name} => [${(field.messages ?? []).join(" ")}]`);
  const invalid = error.code === "invalid_input" && named.length > 0 ? `: [${named.join(" ")}]` : "";
  return new ApiError({
    message: `${error.message} (${error.code}${id})${invalid}`,
    code: error.code,
    status,
    request,
  });
}

interface ErrorAnswer {
  code: string;
  message: string;
  details?: { fields?: { name: string; messages?: string[] }[] } | null;
}

function parse(text: string): ErrorAnswer | null {
  try {
    const { error } = JSON.parse(text) as { error?: Partial<ErrorAnswer> };
    return typeof error?.code === "string" ? { message: "", ...error, code: error.code } : null;
  } catch {
    return null;
  }
}
