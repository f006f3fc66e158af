import { readFileSync } from "node:fs";
import { file, restart, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { LIBEXEC, PORTS, POSTGRES_SOCKET } from "./paths.ts";
import { nodeTls, nodeTlsFiles } from "./tls.ts";
import { unitFile } from "./unit.ts";

export interface ReadGateSettings {
  /** This machine's private address. */
  address: string;
  /** A standby that is further behind serves no reads. */
  maximumLagSeconds: number;
}

const UNIT = "phasewise-read-gate.service";
const PROGRAM = `${LIBEXEC}/read-gate`;
const SOURCE = readFileSync(new URL("./readGate.py", import.meta.url), "utf8");

/**
 * Says whether this member of a cluster may serve reads: it is a standby, its stream is alive, and it is not further
 * behind than is allowed, in seconds. Patroni's own check knows bytes only: a standby that stands still on a quiet
 * cluster is few of them behind, for ever. It needs Patroni's own library for PostgreSQL, so it stands beside it.
 */
export function readGate({ address, maximumLagSeconds }: ReadGateSettings): RoleManifest {
  const tls = nodeTlsFiles("read-gate", {
    owner: "postgres",
    onRenewal: restart(UNIT),
    onNewAuthority: restart(UNIT),
  });
  const { ca, certificate, key } = nodeTls("read-gate");
  const options = [
    `--address ${address} --port ${PORTS.readGate} --socket ${POSTGRES_SOCKET}`,
    `--ca ${ca} --certificate ${certificate} --key ${key} --limit ${maximumLagSeconds}`,
  ];
  return role("read-gate", {
    directories: tls.directories,
    files: [
      ...tls.files,
      file(PROGRAM, SOURCE, { mode: "0755", onChange: restart(UNIT) }),
      file(
        `/etc/systemd/system/${UNIT}`,
        unitFile({
          Unit: { Description: "Whether this member may serve reads", After: "network-online.target" },
          Service: {
            User: "postgres",
            ExecStart: `${PROGRAM} ${options.join(" ")}`,
            Restart: "always",
            RestartSec: 1,
          },
          Install: { WantedBy: "multi-user.target" },
        }),
        { onChange: restart(UNIT) },
      ),
    ],
    units: [running(UNIT)],
  });
}
