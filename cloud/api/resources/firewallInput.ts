import { isNetworkCidr } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { ApiError, invalidField } from "../errors.ts";
import { id as idInput, optional, z } from "../input.ts";
import { labelMatcher } from "../labels.ts";
import { limits } from "../limits.ts";
import type { AppliedTo, Rule } from "../model.ts";

const cidrs = z.array(z.string().refine(isNetworkCidr, "Not a valid CIDR, or its host bits are set."));
const port = z.string().refine(validPort, "Must be a port, a range as 80-85, or any.");
const ruleInput = z
  .object({
    direction: z.enum(["in", "out"]),
    protocol: z.enum(["tcp", "udp", "icmp", "esp", "gre"]),
    port: optional(port),
    source_ips: optional(cidrs),
    destination_ips: optional(cidrs),
    description: optional(z.string().max(255, "Longer than maximum length 255.")),
  })
  .superRefine((rule, context) => {
    const fault = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    const ported = rule.protocol === "tcp" || rule.protocol === "udp";
    if (ported && rule.port === undefined) fault("port", "Missing data for required field.");
    if (!ported && rule.port !== undefined) fault("port", `Must be empty for protocol ${rule.protocol}.`);
    const [peers, others] =
      rule.direction === "in"
        ? (["source_ips", "destination_ips"] as const)
        : (["destination_ips", "source_ips"] as const);
    if ((rule[peers] ?? []).length === 0) fault(peers, "Missing data for required field.");
    if ((rule[others] ?? []).length > 0) fault(others, `Must be empty for direction ${rule.direction}.`);
  });
export const rulesInput = z
  .array(ruleInput)
  .max(limits.rulesPerFirewall, `Longer than maximum length ${limits.rulesPerFirewall}.`);
export const targetInput = z.object({
  type: z.enum(["server", "label_selector"]),
  server: optional(z.object({ id: idInput })),
  label_selector: optional(z.object({ selector: z.string() })),
});
function validPort(text: string): boolean {
  if (text === "any") return true;
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return false;
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  return first >= 1 && first <= last && last <= 65_535;
}

/** A rule as it is kept. */
export function toRule(input: z.infer<typeof ruleInput>): Rule {
  return {
    direction: input.direction,
    protocol: input.protocol,
    port: input.port ?? null,
    sourceIps: input.source_ips ?? [],
    destinationIps: input.destination_ips ?? [],
    description: input.description ?? null,
  };
}

/** @throws ApiError when a target is malformed or does not exist. */
export function toTargets(cloud: Cloud, field: string, inputs: z.infer<typeof targetInput>[]): AppliedTo[] {
  return inputs.map((input, index): AppliedTo => {
    if (input.type === "label_selector") {
      if (!input.label_selector)
        throw invalidField(`${field}.${index}.label_selector`, "Missing data for required field.");
      labelMatcher(input.label_selector.selector);
      return { type: "label_selector", selector: input.label_selector.selector };
    }
    if (!input.server) throw invalidField(`${field}.${index}.server`, "Missing data for required field.");
    if (!cloud.store.get("server", input.server.id)) {
      throw new ApiError("firewall_resource_not_found", `server with ID '${input.server.id}' not found`, {
        status: 404,
      });
    }
    return { type: "server", server: input.server.id };
  });
}

/** Whether both mean the same servers. */
export const same = (a: AppliedTo, b: AppliedTo) =>
  a.type === "server"
    ? b.type === "server" && a.server === b.server
    : b.type === a.type && a.selector === b.selector;
