import { type Check, combine, type Finding } from "../check.ts";
import { withRunbook } from "../runbook.ts";

/** Below this share of free space there is little time left. */
const leastFree = 0.15;

/** One filesystem of `findmnt --json --bytes`. */
export interface Mounted {
  target: string;
  source: string;
  size: number;
  avail: number;
  options: string;
}

export const volumes: Check = {
  name: "volumes",
  async run(world) {
    const findings = world.topology.machines.flatMap((machine) =>
      machine.volumes.map(async (volume) => {
        const command = `findmnt --json --bytes -o TARGET,SOURCE,SIZE,AVAIL,OPTIONS ${volume.path} || true`;
        const text = await world.run(machine, command);
        const mounted =
          text.trim() === "" ? null : (JSON.parse(text) as { filesystems: Mounted[] }).filesystems[0]!;
        return judge(machine.name, volume, mounted, world.topology.stack);
      }),
    );
    return combine(await Promise.all(findings));
  },
};

/** @param mounted Null where nothing is mounted at the volume's path. */
export function judge(
  machine: string,
  volume: { path: string; sizeGb: number },
  mounted: Mounted | null,
  stack: string,
): Finding {
  const where = `${machine}:${volume.path}`;
  if (!mounted) {
    const fix = withRunbook(`npx phasewise up ${stack}`, "volume-lost");
    return { ok: false, detail: `${where} is not mounted`, fix };
  }
  if (mounted.options.split(",").includes("ro")) {
    return {
      ok: false,
      detail: `${where} is read-only`,
      fix: withRunbook(`npx phasewise logs ${stack} --unit kernel tells why`, "volume-lost"),
    };
  }
  // A filesystem keeps some of its volume for itself; less than this has not grown with it.
  if (mounted.size < volume.sizeGb * 0.85 * 1024 ** 3) {
    const size = (mounted.size / 1024 ** 3).toFixed(1);
    return {
      ok: false,
      detail: `${where} has ${size} of ${volume.sizeGb} GB`,
      fix: `npx phasewise up ${stack} grows it`,
    };
  }
  const free = mounted.avail / mounted.size;
  const detail = `${where}: ${(mounted.avail / 1024 ** 3).toFixed(1)} of ${volume.sizeGb} GB free`;
  if (free >= leastFree) return { ok: true, detail };
  const fix = "raise phasewise:volume.sizeGb and run up: it grows without a restart";
  return { ok: false, detail, fix: withRunbook(fix, "disk-full") };
}
