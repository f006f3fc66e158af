import { quote } from "../../../clients/ssh/quote.ts";
import { messageOf } from "../../../toolchain/problem.ts";
import type { Machine } from "../../topology.ts";

/** How a load balancer asks whether a machine is well, as Hetzner tells it. */
export interface HealthCheck {
  protocol: "tcp" | "http";
  port: number;
  http?: { path: string } | null;
}

/** A shell script that asks a machine itself what its load balancer asks it for: prints what reasonOf understands. */
export function askCommand({ http, port, protocol }: HealthCheck): string {
  const listens = `ss -Hltn ${quote(`sport = :${port}`)} | grep -q . || { echo silent; exit 0; }`;
  if (protocol === "tcp") return `${listens}; echo listens`;
  const url = `http://$(ss -Hltn ${quote(`sport = :${port}`)} | awk 'NR == 1 { sub(/:[0-9]+$/, "", $4); if ($4 == "*" || $4 == "0.0.0.0" || $4 == "[::]") $4 = "127.0.0.1"; print $4 }'):${port}`;
  const ask = `curl -s -o /dev/null -m 5 -w '%{http_code}' "${url}"${quote(http?.path ?? "/")}`;
  return `${listens}; echo "status $(${ask})"`;
}

/** Why a load balancer takes a machine for sick, by what the machine itself printed. */
export function reasonOf(answer: string, { http, port }: HealthCheck): string {
  const text = answer.trim();
  if (text === "silent") return `nothing listens on ${port} there`;
  const status = /^status (\d+)$/.exec(text)?.[1];
  if (status !== undefined && !/^[23]/.test(status)) {
    const said = status === "000" ? "gives no answer" : `answers ${status}`;
    return `${http?.path ?? "/"} ${said} on ${port} there`;
  }
  return `it serves ${port} itself, so the way from the load balancer to it is closed`;
}

/** The reason, asked on the machine; where it does not answer, that is the reason. */
export async function whySick(
  run: (machine: Machine, command: string) => Promise<string>,
  machine: Machine,
  check: HealthCheck,
): Promise<string> {
  try {
    return reasonOf(await run(machine, askCommand(check)), check);
  } catch (error) {
    return `it could not be asked why: ${messageOf(error).split("\n")[0]}`;
  }
}
