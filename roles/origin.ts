import { directory, file, role } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { TLS } from "./paths.ts";
import {
  ORIGIN_CA,
  ORIGIN_SPOOL,
  type OriginSettings,
  originConfiguration,
} from "./pgbackrestConfiguration.ts";
import { SECRETS, secret } from "./secrets.ts";

export type { OriginSettings };

/** Known to `patroniBootstrap.py`, which restores from there where this machine's own repository holds nothing. */
const CONFIGURATION = "/etc/pgbackrest/origin.conf";
const WISH = "/etc/pgbackrest/origin.json";

/**
 * Where a cluster that is made takes its first data from: the repository of another one, which is read and never
 * written to. Taken away once the cluster leads.
 */
export function origin(settings: OriginSettings): RoleManifest {
  const { ownAuthority } = settings.repository;
  const { options, stanza } = settings;
  return role("origin", {
    directories: [
      directory(TLS),
      directory("/etc/pgbackrest", { group: "postgres", mode: "0750" }),
      directory(ORIGIN_SPOOL, { owner: "postgres", mode: "0750" }),
    ],
    files: [
      ...(ownAuthority ? [file(ORIGIN_CA, secret(SECRETS.originCaCertificate))] : []),
      file(CONFIGURATION, originConfiguration(settings), { group: "postgres", mode: "0640" }),
      file(WISH, `${JSON.stringify({ stanza, options })}\n`),
    ],
  });
}
