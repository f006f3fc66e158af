import { directory, role } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { DATA } from "./paths.ts";

/** The root of the data volume and the tools to make, check and grow its filesystem. */
export function data(): RoleManifest {
  return role("data", {
    packages: ["e2fsprogs", "xfsprogs"],
    directories: [directory(DATA)],
  });
}
