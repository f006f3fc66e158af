import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { ifSet, must, onCodes, unlessGone } from "../parts/collection.ts";
import { type ApiLoadBalancer, type ApiService, loadBalancers } from "../parts/loadBalancer.ts";
import { bool, type HcloudType, int, list, set, single, string, type Values } from "../schema.ts";

const PROTOCOLS = ["http", "https", "tcp"];
const DEFAULT_PORTS: Record<string, number> = { http: 80, https: 443 };

async function lookup(op: Operation): Promise<{ loadBalancer: ApiLoadBalancer; service: ApiService } | null> {
  const [, id, port] = /^(\d+)__(\d+)$/.exec(op.id) ?? [];
  if (id === undefined) return null;
  const loadBalancer = await loadBalancers.get(op, id);
  const service = loadBalancer?.services.find(({ listen_port }) => listen_port === Number(port));
  return loadBalancer === null || service === undefined ? null : { loadBalancer, service };
}

async function fetched(op: Operation): Promise<Values> {
  return values(must(await lookup(op), `Service ${op.id}`));
}

function values({ loadBalancer, service }: { loadBalancer: ApiLoadBalancer; service: ApiService }): Values {
  const { http, health_check: check } = service;
  return {
    loadBalancerId: String(loadBalancer.id),
    protocol: service.protocol,
    listenPort: service.listen_port,
    destinationPort: service.destination_port,
    proxyprotocol: service.proxyprotocol,
    ...(service.protocol !== "tcp" && {
      http: [
        {
          stickySessions: http?.sticky_sessions ?? false,
          cookieName: http?.cookie_name ?? "",
          cookieLifetime: http?.cookie_lifetime ?? 0,
          certificates: http?.certificates ?? [],
          redirectHttp: http?.redirect_http ?? false,
          timeoutIdle: http?.timeout_idle ?? 0,
        },
      ],
    }),
    healthCheck: [
      {
        protocol: check.protocol,
        port: check.port,
        interval: check.interval,
        timeout: check.timeout,
        retries: check.retries,
        http: check.http ? [checkHttpValues(check.http)] : [],
      },
    ],
  };
}

function checkHttpValues(http: NonNullable<ApiService["health_check"]["http"]>): Values {
  return {
    domain: http.domain ?? "",
    path: http.path ?? "",
    response: http.response ?? "",
    tls: http.tls ?? false,
    statusCodes: http.status_codes ?? [],
  };
}

/** `http` as the API wants it. A new service leaves out what is not set, an update sends the cookie in any case. */
function httpBody(values: Values, isNew: boolean) {
  const [http] = (values.http ?? []) as Values[];
  if (http === undefined) return undefined;
  return {
    cookie_name: isNew ? ifSet(http.cookieName) : http.cookieName,
    cookie_lifetime: isNew ? ifSet(http.cookieLifetime) : http.cookieLifetime,
    certificates: ifSet(http.certificates),
    redirect_http: http.redirectHttp,
    sticky_sessions: http.stickySessions,
    timeout_idle: ifSet(http.timeoutIdle),
  };
}

function checkBody(values: Values) {
  const [check] = (values.healthCheck ?? []) as Values[];
  if (check === undefined) return undefined;
  const { protocol, port, interval, timeout, retries } = check;
  const [http] = (check.http ?? []) as Values[];
  if (http === undefined) return { protocol, port, interval, timeout, retries };
  const { domain, path, response, tls } = http;
  const asked = { domain, path, response, status_codes: ifSet(http.statusCodes), tls };
  return { protocol, port, interval, timeout, retries, http: asked };
}

export default {
  token: "hcloud:index/loadBalancerService:LoadBalancerService",
  flavour: "sdk",
  fields: {
    loadBalancerId: string({ required: true, replaces: true }),
    protocol: string({ required: true, replaces: true, oneOf: PROTOCOLS }),
    listenPort: int({ computed: true, replaces: true }),
    destinationPort: int({ computed: true }),
    proxyprotocol: bool({ computed: true }),
    http: single(
      {
        stickySessions: bool({ computed: true }),
        cookieName: string({ computed: true }),
        cookieLifetime: int({ computed: true }),
        certificates: set("int", { computed: true }),
        redirectHttp: bool({ computed: true }),
        timeoutIdle: int({ computed: true, invalid: invalidIdleTime }),
      },
      { computed: true },
    ),
    healthCheck: single(
      {
        protocol: string({ required: true, oneOf: PROTOCOLS }),
        port: int({ required: true }),
        interval: int({ required: true }),
        timeout: int({ required: true }),
        retries: int({ required: true }),
        http: single(
          {
            domain: string(),
            path: string(),
            response: string(),
            tls: bool(),
            statusCodes: list("string"),
          },
          { computed: true },
        ),
      },
      { computed: true },
    ),
  },
  async create(op) {
    const { loadBalancerId, protocol, destinationPort, proxyprotocol } = op.values;
    const port = Number(op.values.listenPort ?? 0) || (DEFAULT_PORTS[String(protocol)] ?? 0);
    const body = {
      protocol,
      listen_port: port,
      destination_port: ifSet(destinationPort),
      proxyprotocol: ifSet(proxyprotocol),
      http: httpBody(op.values, true),
      health_check: checkBody(op.values),
    };
    const path = `/load_balancers/${loadBalancerId}/actions/add_service`;
    // A service that is just being deleted may still be in the way.
    const again = onCodes("service_error");
    const { action } = await op.api.retry(() => op.api.post<{ action: Action }>(path, body), again);
    op.made(`${loadBalancerId}__${port}`);
    await op.api.wait(action);
    return await fetched(op);
  },
  async read(op) {
    const found = await lookup(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    const { loadBalancer, service } = must(await lookup(op), `Service ${op.id}`);
    const { protocol, destinationPort, proxyprotocol } = op.values;
    await op.api.act(`/load_balancers/${loadBalancer.id}/actions/update_service`, {
      listen_port: service.listen_port,
      protocol,
      destination_port: ifSet(destinationPort),
      proxyprotocol: proxyprotocol === true,
      http: httpBody(op.values, false),
      health_check: checkBody(op.values),
    });
    return await fetched(op);
  },
  async delete(op) {
    const found = await lookup(op);
    if (found === null) return;
    const path = `/load_balancers/${found.loadBalancer.id}/actions/delete_service`;
    await unlessGone(() => op.api.act(path, { listen_port: found.service.listen_port }));
  },
} satisfies HcloudType;

function invalidIdleTime(value: unknown): string | null {
  const seconds = Number(value);
  return seconds >= 30 && seconds <= 300
    ? null
    : `timeoutIdle must be between 30 and 300 seconds, but is ${seconds}.`;
}
