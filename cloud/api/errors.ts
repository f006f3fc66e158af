/** HTTP status of the error codes that belong to no single operation (docs.hetzner.cloud, "Error codes"). */
const statuses = {
  json_error: 400,
  unauthorized: 401,
  forbidden: 403,
  maintenance: 403,
  resource_limit_exceeded: 403,
  not_found: 404,
  method_not_allowed: 405,
  uniqueness_error: 409,
  conflict: 409,
  deprecated_api_endpoint: 410,
  resource_unavailable: 412,
  invalid_input: 422,
  service_error: 422,
  unsupported_error: 422,
  locked: 423,
  protected: 423,
  server_error: 500,
  unavailable: 503,
} as const;

export interface FieldFault {
  /** Path in the body, as "rules.0.port". */
  name: string;
  messages: string[];
}

/** A refusal as Hetzner words it: `{"error": {"message", "code", "details"}}` with its HTTP status. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  /** @param status only for codes of single operations; 422 where none is given. */
  constructor(code: string, message: string, options: { details?: unknown; status?: number } = {}) {
    super(message);
    this.code = code;
    this.status = options.status ?? (statuses as Record<string, number>)[code] ?? 422;
    this.details = options.details ?? null;
  }

  body() {
    return { error: { message: this.message, code: this.code, details: this.details } };
  }
}

/** `what` as in "server", "primary IP". */
export function notFound(what: string, id: number | string): ApiError {
  return new ApiError("not_found", `${what} with ID '${id}' not found`);
}

/** All faults of a request at once. */
export function invalidInput(faults: FieldFault[]): ApiError {
  const names = faults.map((fault) => `'${fault.name}'`).join(", ");
  return new ApiError("invalid_input", `invalid input in field${faults.length === 1 ? "" : "s"} ${names}`, {
    details: { fields: faults },
  });
}

export function invalidField(name: string, message: string): ApiError {
  return invalidInput([{ name, messages: [message] }]);
}

/** `what` as in "server name", or "name" where Hetzner does not say of what. */
export function notUnique(what: string, field: string): ApiError {
  return new ApiError("uniqueness_error", `${what} is already used`, {
    details: { fields: [{ name: field }] },
  });
}

export function locked(what: string): ApiError {
  return new ApiError("locked", `cannot perform operation because ${what} is locked`);
}

export function isProtected(what: string, against: string): ApiError {
  return new ApiError("protected", `${what} is protected against ${against}`);
}

/** For what Hetzner offers and this cloud does not: refused, never accepted and ignored. */
export function notOffered(what: string): ApiError {
  return new ApiError("unsupported_error", `${what} not supported by this cloud`);
}

/** @param what the plural, as "servers". */
export function limitExceeded(what: string, limit: string): ApiError {
  return new ApiError("resource_limit_exceeded", `${what} limit exceeded`, {
    details: { limits: [{ name: limit }] },
  });
}

/** @throws ApiError server_not_stopped */
export function requireStopped(server: { status: string }): void {
  if (server.status !== "off") throw new ApiError("server_not_stopped", "server is not stopped");
}
