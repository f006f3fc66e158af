import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  mayBegin,
  nextStates,
  parseReasons,
  parseTargetStates,
  toHealth,
} from "../../../../cloud/balancers/targets.ts";
import type { LoadBalancerSpec } from "../../../../cloud/hypervisor.ts";

/** As HAProxy 2.6 says it. */
const said = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 service-80 1 target-10.0.1.1 10.0.1.1 2 0 1 1 6 15 3 4 6 0 0 0 - 8080 - 0 0 - - 0
3 service-80 2 target-10.0.1.2 10.0.1.2 0 0 1 1 5 8 2 0 6 0 0 0 - 8080 - 0 0 - - 0
3 service-80 3 target-10.0.1.3 10.0.1.3 0 0 1 1 5 1 0 0 6 0 0 0 - 8080 - 0 0 - - 0

`;

function spec(targets: string[], ports = [80], retries = 3): LoadBalancerSpec {
  return {
    id: 1,
    name: "front",
    ipv4: null,
    ipv6: null,
    macAddress: "",
    network: null,
    maxConnections: 1,
    algorithm: "round_robin",
    targets,
    services: ports.map((listenPort) => ({
      protocol: "tcp",
      listenPort,
      destinationPort: 8080,
      proxyProtocol: false,
      http: null,
      healthCheck: { port: 8080, intervalSeconds: 3, timeoutSeconds: 1, retries, http: null },
    })),
  };
}

describe("the state of targets", () => {
  it("is healthy, unhealthy, or not known before the first check", () => {
    expect(parseTargetStates(said).map((state) => toHealth(state))).toEqual([
      { listenPort: 80, address: "10.0.1.1", status: "healthy", detail: null, httpStatusCode: null },
      {
        listenPort: 80,
        address: "10.0.1.2",
        status: "unhealthy",
        detail: "unspecified",
        httpStatusCode: null,
      },
      { listenPort: 80, address: "10.0.1.3", status: "unknown", detail: null, httpStatusCode: null },
    ]);
    expect(() => parseTargetStates("2\nnew\n")).toThrow("in another form: 2");
  });

  it("has a reason where it is unhealthy, in Hetzner's words", () => {
    const csv = (check: string, code: string) =>
      `# pxname,svname,status,check_status,check_code,-\nservice-80,target-10.0.1.2,DOWN,${check},${code},\n`;
    const down = parseTargetStates(said)[1]!;
    const told = (check: string, code: string) => {
      const { detail, httpStatusCode } = toHealth(down, parseReasons(csv(check, code)));
      return [detail, httpStatusCode];
    };
    expect(told("L7STS", "503")).toEqual(["unexpected_http_status", 503]);
    expect(told("* L4TOUT", "")).toEqual(["layer4_timeout", null]);
    expect(told("L6RSP", "")).toEqual(["unspecified", null]);
  });

  it("goes over a reload, and new targets begin with nothing", () => {
    const before = parseTargetStates(said);
    const { text, fresh } = nextStates(spec(["10.0.1.1", "10.0.1.2", "10.0.1.9"]), before);
    expect(fresh).toEqual(["service-80/target-10.0.1.9"]);
    expect(parseTargetStates(text).map((state) => toHealth(state).status)).toEqual([
      "healthy",
      "unhealthy",
      "unknown",
    ]);
  });

  it("lets nobody begin who did not pass a check", () => {
    const [up, down, unknown] = parseTargetStates(said);
    expect([up, down, unknown].map((state) => state && mayBegin(state))).toEqual([false, false, false]);
    expect(mayBegin({ ...down!, checkResult: 3 })).toBe(true);
  });

  it("has one line for each service and target, within the bounds of its retries", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }),
        fc.uniqueArray(fc.integer({ min: 79, max: 82 }), { maxLength: 3 }),
        fc.integer({ min: 1, max: 5 }),
        (hosts, ports, retries) => {
          const wanted = spec(
            hosts.map((host) => `10.0.1.${host}`),
            ports,
            retries,
          );
          const states = parseTargetStates(nextStates(wanted, parseTargetStates(said)).text);
          expect(states).toHaveLength(hosts.length * ports.length);
          for (const { operational, health } of states) {
            expect(health).toBeGreaterThanOrEqual(operational > 0 ? retries : 0);
            expect(health).toBeLessThanOrEqual(operational > 0 ? 2 * retries - 1 : 0);
          }
        },
      ),
    );
  });
});
