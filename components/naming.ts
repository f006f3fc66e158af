import { labels } from "./labels.ts";

/** Where a resource belongs: the stack, and the name of the component at the top. */
export interface Placement {
  stack: string;
  /** What all logical names of a data layer begin with. */
  prefix: string;
}

export interface Names {
  /** The name in Pulumi. */
  logical: string;
  /** The name in the cloud, where several stacks may share a project. */
  physical: string;
  labels: Record<string, string>;
}

/** Every name of a resource, derived from what it is: `core-1` becomes `phasewise-core-1` and `phasewise-dev-core-1`. */
export function namesOf({ stack, prefix }: Placement, what: string): Names {
  const logical = `${prefix}-${what}`;
  return { logical, physical: `${prefix}-${stack}-${what}`, labels: labels(stack, logical) };
}
