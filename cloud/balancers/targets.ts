import type { LoadBalancerSpec, TargetHealth } from "../hypervisor.ts";
import { backendName, targetName } from "./config.ts";

/**
 * What HAProxy says of its targets and is told of them when it is reloaded: the lines of "show servers state", see
 * its management guide. Pure.
 */
export interface TargetState {
  backend: string;
  name: string;
  address: string;
  /** 0: gets no connections. */
  operational: number;
  /** Up to 1: not checked yet. */
  checkStatus: number;
  /** 3: the last check passed. */
  checkResult: number;
  /** Passed checks that count for or against a change of mind. */
  health: number;
}

const columns = {
  backend: 1,
  name: 3,
  address: 4,
  operational: 5,
  checkStatus: 10,
  checkResult: 11,
  health: 12,
} as const;
const version = "1";
const header =
  "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
  "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state " +
  "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr " +
  "srv_agent_addr srv_agent_port";

export function parseTargetStates(text: string): TargetState[] {
  const [first, , ...lines] = text.trim().split("\n");
  if (first !== version) throw new Error(`HAProxy tells the state of its targets in another form: ${first}`);
  return lines.map((line) => {
    const words = line.split(" ");
    const number = (key: keyof typeof columns) => Number(words[columns[key]]);
    return {
      backend: words[columns.backend] ?? "",
      name: words[columns.name] ?? "",
      address: words[columns.address] ?? "",
      operational: number("operational"),
      checkStatus: number("checkStatus"),
      checkResult: number("checkResult"),
      health: number("health"),
    };
  });
}

export function isChecked(state: TargetState): boolean {
  return state.checkStatus > 1;
}

/** Whether the only check so far passed, of a target that gets nothing yet. */
export function mayBegin(state: TargetState): boolean {
  return state.operational === 0 && state.checkResult === 3;
}

export function key({ backend, name }: Pick<TargetState, "backend" | "name">): string {
  return `${backend}/${name}`;
}

/**
 * The states that the next configuration begins with: targets that stay are what they were, so that one that is down
 * gets nothing for a moment either; new ones get nothing until they have passed a check.
 */
export function nextStates(spec: LoadBalancerSpec, before: TargetState[]): { text: string; fresh: string[] } {
  const known = new Map(before.filter(isChecked).map((state) => [key(state), state]));
  const fresh: string[] = [];
  const lines = spec.services.flatMap(({ listenPort, destinationPort, healthCheck: { port, retries } }) =>
    spec.targets.map((address) => {
      const at = { backend: backendName(listenPort), name: targetName(address) };
      const state = known.get(key(at));
      if (!state) fresh.push(key(at));
      const serves = state !== undefined && state.operational > 0;
      const words = [
        ...[1, at.backend, 1, at.name, address, serves ? 2 : 0, 0, 1, 1, 0],
        ...[state?.checkStatus ?? 1, state?.checkResult ?? 0],
        // Between "just up" and "never failed", for these retries.
        serves ? Math.min(Math.max(state.health, retries), 2 * retries - 1) : 0,
        ...[6, 0, 0, 0, "-", destinationPort, "-", 0, port, "-", "-", 0],
      ];
      return words.join(" ");
    }),
  );
  return { text: `${[version, header, ...lines].join("\n")}\n`, fresh };
}

/** Why a check failed. */
export interface Reason {
  /** HAProxy's name of it, as "L4TOUT". */
  check: string;
  /** The answer's status; null where there was none. */
  code: number | null;
}

/** Hetzner's names for HAProxy's. */
const details: Record<string, string> = {
  L4CON: "layer4_no_connection",
  L4TOUT: "layer4_timeout",
  L6TOUT: "layer4_timeout",
  L7TOUT: "layer7_timeout",
  L7STS: "unexpected_http_status",
  L7RSP: "unexpected_http_content",
};

/** Reasons by `key`, out of "show stat". */
export function parseReasons(csv: string): Map<string, Reason> {
  const [head = "", ...lines] = csv.trim().split("\n");
  const names = head.replace(/^# /, "").split(",");
  const column = (name: string) => names.indexOf(name);
  return new Map(
    lines.map((line) => {
      const fields = line.split(",");
      const at = { backend: fields[column("pxname")] ?? "", name: fields[column("svname")] ?? "" };
      const check = (fields[column("check_status")] ?? "").replace(/^\* /, "");
      return [key(at), { check, code: Number(fields[column("check_code")]) || null }];
    }),
  );
}

/** What the API shows of a target. */
export function toHealth(state: TargetState, reasons: ReadonlyMap<string, Reason> = new Map()): TargetHealth {
  const status = !isChecked(state) ? "unknown" : state.operational > 0 ? "healthy" : "unhealthy";
  const reason = status === "unhealthy" ? reasons.get(key(state)) : undefined;
  return {
    listenPort: Number(state.backend.replace(backendName(0).slice(0, -1), "")),
    address: state.address,
    status,
    detail: status === "unhealthy" ? (details[reason?.check ?? ""] ?? "unspecified") : null,
    httpStatusCode: reason?.code ?? null,
  };
}
