import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { heartbeatRules } from "./heartbeat.ts";

interface Rule {
  record?: string;
  alert?: string;
  annotations?: Record<string, string>;
}

interface Rules {
  groups: { name: string; rules: Rule[] }[];
}

/** The same file that a Prometheus of one's own reads. */
const SOURCE = readFileSync(new URL("../../docs/prometheus-rules.yaml", import.meta.url), "utf8");

/** Of these people are told in any case: the data's safety, and whether anybody looks. */
const ALWAYS = ["phasewise-reach", "phasewise-backups", "phasewise-drills"];
/** The page of an alarm that names none. */
const PAGE = "docs/metrics.md";

/**
 * The rules as Prometheus reads them; each alarm carries the link of its runbook.
 * @param settings.runbooks Where the folder docs/ can be read; "" for its path in the checkout alone.
 * @param settings.heartbeat Whether one alert fires always.
 */
export function rulesText(settings: { monitoring: boolean; runbooks: string; heartbeat: boolean }): string {
  const { heartbeat, monitoring, runbooks } = settings;
  const { groups } = parse(SOURCE) as Rules;
  const linked = (rule: Rule): Rule =>
    rule.alert === undefined
      ? rule
      : {
          ...rule,
          annotations: {
            ...rule.annotations,
            runbook_url: `${runbooks && `${runbooks}/`}${rule.annotations?.runbook ?? PAGE}`,
          },
        };
  return stringify(
    {
      groups: [
        ...groups.filter(({ name }) => monitoring || ALWAYS.includes(name)),
        ...(heartbeat ? [heartbeatRules] : []),
      ].map((group) => ({ ...group, rules: group.rules.map(linked) })),
    },
    { lineWidth: 0 },
  );
}
