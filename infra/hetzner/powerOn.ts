import { ResourceHook, type ResourceHookArgs } from "@pulumi/pulumi";
import { type HetznerAccess, hetznerEndpoint, powerOn } from "../../clients/hetzner.ts";

/**
 * A hook that turns a changed server on again: to change a server's type, the provider turns it off, and leaves it
 * so. It reaches the API as the provider does.
 *
 * @param config The stack's settings by full name; the environment is asked for what is not there.
 */
export function powerOnHook(config: Record<string, string | undefined>): ResourceHook {
  return new ResourceHook("power-on", async ({ id }: ResourceHookArgs) => {
    if (id) await powerOn(accessOf(config, process.env), id);
  });
}

/** Where the provider finds the API, in its order: settings first, then the environment, then Hetzner's own. */
export function accessOf(
  config: Record<string, string | undefined>,
  environment: Record<string, string | undefined>,
): HetznerAccess {
  const token = config["hcloud:token"] ?? environment.HCLOUD_TOKEN;
  if (!token) throw new Error("there is no hcloud:token, and no HCLOUD_TOKEN in the environment");
  return { endpoint: config["hcloud:endpoint"] ?? environment.HCLOUD_ENDPOINT ?? hetznerEndpoint, token };
}
