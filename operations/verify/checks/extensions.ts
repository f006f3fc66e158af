import { type Check, combine, type Finding } from "../check.ts";

export const extensions: Check = {
  name: "extensions",
  async run(world) {
    const findings = world.topology.clusters.map((cluster) =>
      world.sql(cluster, "monitor", async ({ rows }) => {
        const [server] = await rows<{ version: string }>(
          "SELECT current_setting('server_version') AS version",
        );
        const found = await rows<{ name: string; version: string }>(
          "SELECT extname AS name, extversion AS version FROM pg_extension",
        );
        return judge(cluster, server!.version, found, world.topology.stack);
      }),
    );
    return combine(await Promise.all(findings));
  },
};

/** @param server As "17.6 (Debian 17.6-0+deb13u1)". */
export function judge(
  cluster: { name: string; postgresVersion: number; extensions: string[] },
  server: string,
  found: { name: string; version: string }[],
  stack: string,
): Finding {
  const version = server.split(" ")[0]!;
  const missing = cluster.extensions.filter((name) => !found.some((extension) => extension.name === name));
  const faults = [
    ...(version.split(".")[0] === String(cluster.postgresVersion)
      ? []
      : [`PostgreSQL ${version} runs, ${cluster.postgresVersion} is declared`]),
    ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
  ];
  if (faults.length > 0) {
    return { ok: false, detail: `${cluster.name}: ${faults.join("; ")}`, fix: `npx phasewise up ${stack}` };
  }
  const declared = found.filter((extension) => cluster.extensions.includes(extension.name));
  const versions = declared.map(({ name, version: of }) => `${name} ${of}`);
  return { ok: true, detail: `${cluster.name}: PostgreSQL ${version}, ${versions.join(", ")}` };
}
