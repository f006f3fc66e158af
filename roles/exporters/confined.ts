import { type UnitSections, unitFile } from "../unit.ts";

/** What one of Prometheus' programs may use. */
export interface Confinement {
  /** As "64M". */
  memory: string;
  /** The folders that it may write to; none by default. */
  writes?: string[];
  unit?: UnitSections[string];
  environment?: string[];
}

/**
 * A drop-in for a program that mostly reads and answers: it has no rights, little memory, no more than one processor's
 * time, may write next to nothing, and is never given up.
 */
export function confined({ memory, writes = [], unit = {}, environment = [] }: Confinement): string {
  return unitFile({
    Unit: { ...unit, StartLimitIntervalSec: 0 },
    Service: {
      User: "prometheus",
      Environment: ["GOMAXPROCS=1", "GOGC=50", ...environment],
      Restart: "always",
      RestartSec: 5,
      MemoryMax: memory,
      CapabilityBoundingSet: "",
      NoNewPrivileges: "yes",
      ProtectSystem: "strict",
      ...(writes.length > 0 ? { ReadWritePaths: writes.join(" ") } : {}),
      ProtectHome: "yes",
      PrivateTmp: "yes",
      ProtectKernelModules: "yes",
      ProtectKernelTunables: "yes",
      ProtectControlGroups: "yes",
      RestrictAddressFamilies: "AF_INET AF_INET6 AF_UNIX AF_NETLINK",
      RestrictNamespaces: "yes",
      RestrictSUIDSGID: "yes",
      LockPersonality: "yes",
      MemoryDenyWriteExecute: "yes",
      SystemCallArchitectures: "native",
      SystemCallFilter: "@system-service",
    },
    Install: { WantedBy: ["", "multi-user.target"] },
  });
}
