/** Of all stacks of this project. */
export const project = "phasewise";

/**
 * The labels of every cloud resource. `name` is the resource's logical name in Pulumi, unique among those of its
 * type: what was made and never recorded is found by its labels and taken over under its own name.
 */
export function labels(stack: string, name: string): Record<string, string> {
  return { ...stackLabels(stack), "phasewise-name": name };
}

/** What all resources of a stack have in common. */
export function stackLabels(stack: string): Record<string, string> {
  return { "phasewise-project": project, "phasewise-stack": stack };
}
