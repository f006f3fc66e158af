import type { Blueprint } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { hetznerPlan, type Plan } from "../hetzner/plan.ts";
import { blueprintOf } from "./available.ts";
import { transition } from "./transition.ts";

/** What of a stack's size can change while it runs. */
export interface Sizes {
  /** Standbys for reads. */
  replicas: number;
  /** As "cpx22". */
  serverType: string;
  volumeGb: number;
}

/** A stack on its way to another size, while its file still names the old one. */
export interface Scaling {
  to: Sizes;
  /** `expanded`: everything of both sizes is there; `contracted`: only what the new one has. */
  state: "expanded" | "contracted";
  /** Machines that have the new type already. */
  resized: string[];
}

export function sizesOf({ database, server, volume }: Config): Sizes {
  return { replicas: database.replicas, serverType: server.type, volumeGb: volume.sizeGb };
}

export function withSizes(config: Config, { replicas, serverType, volumeGb }: Sizes): Config {
  return {
    ...config,
    database: { ...config.database, replicas },
    server: { ...config.server, type: serverType },
    volume: { ...config.volume, sizeGb: volumeGb },
  };
}

/** What a stage of a scaling consists of. */
export function scaledPlan(
  config: Config,
  { resized, state, to }: Scaling,
  stack: string,
): { plan: Plan; blueprint: Blueprint } {
  const wanted = withSizes(config, to);
  const after = blueprintOf(wanted);
  const blueprint = state === "contracted" ? after : transition(blueprintOf(config), after);
  const [old, plan] = [config, wanted].map((each) => hetznerPlan(blueprint, each, stack)) as [Plan, Plan];
  const machines = plan.machines.map((machine) =>
    resized.includes(machine.name) ? machine : old.machines.find(({ name }) => name === machine.name)!,
  );
  return { blueprint, plan: { ...plan, machines } };
}
