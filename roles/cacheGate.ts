import { directory, file, restart, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { CA_FILE, LIBEXEC, PORTS } from "./paths.ts";
import { SECRETS, secret } from "./secrets.ts";
import { SENTINELS_PROGRAM } from "./sentinels.ts";
import { unitFile } from "./unit.ts";

export interface CacheGateSettings {
  /** Addresses of the Sentinels. */
  sentinels: string[];
  caches: GatedCache[];
}

export interface GatedCache {
  name: string;
  /** The first was the primary before there were Sentinels. */
  machines: { name: string; address: string }[];
}

const UNIT = "phasewise-cache-gate.service";
const FOLDER = "/etc/phasewise/cache-gate";
const PROGRAM = `${LIBEXEC}/cache-gate`;

/**
 * Tells HAProxy where the primary of each cache is: where a majority of the Sentinels says it is. A gateway that does
 * not hear a majority leads nobody anywhere, so that a primary that was cut off together with it takes no writes that
 * would be lost; the others choose a new one only after that.
 */
export function cacheGate(settings: CacheGateSettings): RoleManifest {
  const onChange = restart(UNIT);
  const { caches, sentinels } = settings;
  const known = {
    sentinels,
    sentinelPort: PORTS.sentinel,
    caches: Object.fromEntries(
      caches.map(({ machines, name }) => [
        name,
        {
          primary: machines[0]?.address,
          machines: Object.fromEntries(machines.map((machine) => [machine.name, machine.address])),
        },
      ]),
    ),
  };
  return role("cache-gate", {
    directories: [directory(FOLDER), directory(LIBEXEC)],
    files: [
      file(`${FOLDER}/caches.json`, `${JSON.stringify(known, null, 2)}\n`, { onChange }),
      file(`${FOLDER}/sentinel.password`, secret(SECRETS.sentinelPassword), { mode: "0600", onChange }),
      file(PROGRAM, SENTINELS_PROGRAM, { mode: "0755", onChange }),
      file(`/etc/systemd/system/${UNIT}`, SERVICE, { onChange }),
    ],
    units: [running(UNIT)],
    ready: {
      name: "the cache gate answers",
      command: `curl -s --max-time 2 -o /dev/null http://127.0.0.1:${PORTS.cacheGate}/`,
      deadlineSeconds: 30,
      units: [UNIT],
    },
  });
}

const SERVICE = unitFile({
  Unit: { Description: "Where the primaries of the caches are", After: "network.target" },
  Service: {
    DynamicUser: "yes",
    StateDirectory: "phasewise-cache-gate",
    LoadCredential: `password:${FOLDER}/sentinel.password`,
    ExecStart: `${PROGRAM} gate --settings ${FOLDER}/caches.json --ca ${CA_FILE} --password %d/password --listen ${PORTS.cacheGate}`,
    Restart: "always",
    RestartSec: 1,
    NoNewPrivileges: "yes",
    ProtectSystem: "strict",
    ProtectHome: "yes",
    PrivateTmp: "yes",
  },
  Install: { WantedBy: "multi-user.target" },
});
