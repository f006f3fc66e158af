import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { parseUrn } from "../names.ts";
import type { Found } from "./find.ts";

/**
 * The program, with the ids of resources that exist already: the engine reads them instead of creating them, and
 * then updates what the program wants differently.
 */
export function takingOver(program: PulumiFn, found: Found[]): PulumiFn {
  const ids = new Map(found.map(({ urn, type, id }) => [`${type} ${parseUrn(urn).name}`, id]));
  return async () => {
    const { runtime } = await import("@pulumi/pulumi");
    runtime.registerStackTransform(({ type, name, props, opts }) => {
      const id = ids.get(`${type} ${name}`);
      return id === undefined ? undefined : { props, opts: { ...opts, import: id } };
    });
    return program();
  };
}
