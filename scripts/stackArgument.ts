import { Argument } from "commander";

/** The argument that names a stack. */
export function stackArgument(): Argument {
  return new Argument("[stack]", "a stack, by its file in stacks/").default("dev");
}
