import { ApiError, invalidField, limitExceeded } from "../errors.ts";
import { boolean, id as idInput, optional, z } from "../input.ts";
import type { HttpCheck, HttpSettings, LoadBalancer, Service } from "../model.ts";

/** Services of a load balancer: what a client may ask for, and what it gets where it does not ask. Pure. */

const between = (low: number, high: number) =>
  z.int().min(low, `Must be between ${low} and ${high}.`).max(high, `Must be between ${low} and ${high}.`);
const port = between(1, 65_535);
const protocol = z.enum(["tcp", "http", "https"]);
// Control characters have no place in a line of a configuration or of a request.
const printable = (pattern: RegExp, message: string) => z.string().regex(pattern, message);
const anyText = /^[^\p{Cc}]*$/u;

const checkHttp = z.object({
  domain: optional(printable(/^[^\p{Cc}\s%\\]*$/u, "May not contain spaces, percent or backslash symbols.")),
  path: optional(printable(/^(?:\/[^\p{Cc}\s]*)?$/u, "Must start with a slash and may not contain spaces.")),
  response: optional(printable(anyText, "May not contain control characters.")),
  status_codes: optional(z.array(printable(/^[1-5?*][0-9?*]{0,2}$/, "Not a valid status code pattern."))),
  tls: optional(boolean),
});
const healthCheck = z.object({
  protocol: z.enum(["tcp", "http"]),
  port,
  interval: between(3, 60),
  timeout: between(1, 60),
  retries: between(1, 5),
  http: optional(checkHttp),
});
const http = z.object({
  cookie_name: optional(printable(/^[\w!#$%&'*+.^`|~-]*$/, "Not a valid name of a cookie.")),
  cookie_lifetime: optional(between(0, 86_400)),
  certificates: optional(z.array(idInput)),
  redirect_http: optional(boolean),
  sticky_sessions: optional(boolean),
  timeout_idle: optional(between(30, 300)),
});

/** A service that is made: what is left out is as Hetzner's own default. */
export const serviceInput = z.object({
  protocol,
  listen_port: optional(port),
  destination_port: optional(port),
  proxyprotocol: optional(boolean),
  http: optional(http),
  health_check: optional(healthCheck),
});
/** A service that is changed: what is left out stays. */
export const serviceChange = z.object({
  listen_port: port,
  protocol: optional(protocol),
  destination_port: optional(port),
  proxyprotocol: optional(boolean),
  http: optional(http),
  health_check: optional(healthCheck.partial()),
});

type HttpInput = z.infer<typeof http>;
type CheckInput = Partial<z.infer<typeof healthCheck>>;

const defaultHttp: HttpSettings = {
  stickySessions: false,
  cookieName: "HCLBSTICKY",
  cookieLifetime: 300,
  timeoutIdle: 60,
  redirectHttp: false,
  certificates: [],
};
const defaultCheckHttp: HttpCheck = {
  domain: "",
  path: "/",
  response: "",
  statusCodes: ["2??", "3??"],
  tls: false,
};

function toHttp(before: HttpSettings, input: HttpInput | undefined): HttpSettings {
  return {
    stickySessions: input?.sticky_sessions ?? before.stickySessions,
    cookieName: input?.cookie_name || before.cookieName,
    cookieLifetime: input?.cookie_lifetime || before.cookieLifetime,
    timeoutIdle: input?.timeout_idle ?? before.timeoutIdle,
    redirectHttp: input?.redirect_http ?? before.redirectHttp,
    certificates: input?.certificates ?? before.certificates,
  };
}

function toCheckHttp(before: HttpCheck, input: CheckInput["http"]): HttpCheck {
  return {
    domain: input?.domain ?? before.domain,
    path: input?.path || before.path,
    response: input?.response ?? before.response,
    statusCodes: input?.status_codes?.length ? input.status_codes : before.statusCodes,
    tls: input?.tls ?? before.tls,
  };
}

function toCheck(before: Service["healthCheck"], input: CheckInput | undefined): Service["healthCheck"] {
  const kind = input?.protocol ?? before.protocol;
  const check = {
    protocol: kind,
    port: input?.port ?? before.port,
    interval: input?.interval ?? before.interval,
    timeout: input?.timeout ?? before.timeout,
    retries: input?.retries ?? before.retries,
    http: kind === "tcp" ? null : toCheckHttp(before.http ?? defaultCheckHttp, input?.http),
  };
  if (check.timeout > check.interval)
    throw invalidField("health_check.timeout", "Must not be longer than the interval.");
  return check;
}

function requireMeaning(service: Service, input: HttpInput | undefined): Service {
  if (service.protocol === "tcp" && (input?.sticky_sessions || input?.redirect_http))
    throw invalidField("http", "Only available if protocol is http or https.");
  if (service.http?.redirectHttp && service.protocol !== "https")
    throw invalidField("http.redirect_http", "Only available if protocol is https.");
  if (service.http?.certificates.length && service.protocol !== "https")
    throw invalidField("http.certificates", "Only available if protocol is https.");
  if (service.protocol === "https" && service.http?.certificates.length === 0)
    throw invalidField("http.certificates", "Missing data for required field.");
  return service;
}

const webPorts = { tcp: undefined, http: 80, https: 443 } as const;

/** @throws ApiError invalid_input where a port is missing or something does not go together. */
export function newService(input: z.infer<typeof serviceInput>): Service {
  const { protocol: kind } = input;
  const listenPort = input.listen_port ?? webPorts[kind];
  const destinationPort = input.destination_port ?? (kind === "tcp" ? undefined : 80);
  if (listenPort === undefined) throw invalidField("listen_port", "Missing data for required field.");
  if (destinationPort === undefined)
    throw invalidField("destination_port", "Missing data for required field.");
  const check: Service["healthCheck"] = {
    protocol: kind === "tcp" ? "tcp" : "http",
    port: destinationPort,
    interval: 15,
    timeout: 10,
    retries: 3,
    http: kind === "tcp" ? null : defaultCheckHttp,
  };
  const service: Service = {
    protocol: kind,
    listenPort,
    destinationPort,
    proxyProtocol: input.proxyprotocol ?? false,
    http: kind === "tcp" ? null : toHttp(defaultHttp, input.http),
    healthCheck: toCheck(check, input.health_check),
  };
  return requireMeaning(service, input.http);
}

/** @throws ApiError invalid_input where something does not go together. */
export function changedService(before: Service, input: z.infer<typeof serviceChange>): Service {
  const kind = input.protocol ?? before.protocol;
  const service: Service = {
    protocol: kind,
    listenPort: before.listenPort,
    destinationPort: input.destination_port ?? before.destinationPort,
    proxyProtocol: input.proxyprotocol ?? before.proxyProtocol,
    http: kind === "tcp" ? null : toHttp(before.http ?? defaultHttp, input.http),
    healthCheck: toCheck(before.healthCheck, input.health_check),
  };
  return requireMeaning(service, input.http);
}

/** The ports that a service listens on. */
function listening({ listenPort, http: settings }: Service): number[] {
  return settings?.redirectHttp ? [listenPort, 80] : [listenPort];
}

/** The services with one more, or with one in another form. @throws ApiError where it does not fit beside the others. */
export function withService(
  balancer: Pick<LoadBalancer, "services">,
  service: Service,
  max: number,
): readonly Service[] {
  const replaces = balancer.services.some(({ listenPort }) => listenPort === service.listenPort);
  const others = balancer.services.filter(({ listenPort }) => listenPort !== service.listenPort);
  const taken = others.flatMap(listening);
  const clash = listening(service).find((number) => taken.includes(number));
  if (clash !== undefined) throw portTaken(clash);
  if (others.length >= max) throw limitExceeded("services per Load Balancer", "load_balancer_services_limit");
  if (!replaces) return [...balancer.services, service];
  return balancer.services.map((other) => (other.listenPort === service.listenPort ? service : other));
}

export function portTaken(number: number): ApiError {
  return new ApiError("source_port_already_used", `source port ${number} is already used by another service`);
}
