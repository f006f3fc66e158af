import type { Plugin } from "../server/resource.ts";
import type { ApiSettings } from "./api/client.ts";
import { apiSettings, configFailures } from "./config.ts";
import { loadTypes } from "./registry.ts";
import { resourceType } from "./resource.ts";
import { VERSION } from "./version.ts";

/** The stand-in for the official hcloud plugin. */
export async function hcloudPlugin(): Promise<Plugin> {
  let settings: ApiSettings | null = null;
  const configured = (): ApiSettings => {
    if (settings === null) throw new Error("The hcloud plugin is not configured yet.");
    return settings;
  };
  const types = await loadTypes();
  return {
    name: "hcloud",
    version: VERSION,
    resources: types.map((type) => resourceType(type, configured)),
    checkConfig: async (config) => ({ config, failures: configFailures(config, process.env) }),
    async configure(config) {
      settings = apiSettings(config, process.env);
    },
  };
}
