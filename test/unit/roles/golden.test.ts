import { expect, test } from "vitest";
import { composeManifest } from "../../../roles/compose.ts";
import { pgbackrest } from "../../../roles/pgbackrest.ts";
import { clusterSql } from "../../../roles/sql/cluster.ts";
import { backupSettings, printed, roles } from "./machine.ts";

test.each(roles.map((role) => [role.name, role] as const))(
  "role %s renders as before",
  async (name, role) => {
    await expect(printed(role)).toMatchFileSnapshot(`golden/${name}.txt`);
  },
);

test("with a second repository each has its own way to send the log", async () => {
  const second = {
    ...backupSettings.repository,
    endpoint: "s3.example.net",
    region: "eu-1",
    retentionDays: 90,
  };
  const role = pgbackrest({ ...backupSettings, second: { ...second, ownAuthority: true } });
  const kept = { ...role, files: role.files.filter(({ path }) => !path.startsWith("/etc/systemd")) };
  await expect(printed(kept)).toMatchFileSnapshot("golden/pgbackrest-second.txt");
  expect(() => composeManifest({ hostname: "core-1", mounts: [], roles: [role] })).not.toThrow();
});

test("a cluster's SQL renders as before", async () => {
  const sql = clusterSql({ databases: ["app"], extensions: ["vector"] });
  const text = [
    ...sql.roles.map((role) => `role ${JSON.stringify(role)}`),
    ...sql.databases.map((database) => `database ${JSON.stringify(database)}`),
    ...sql.statements.map(
      (one) => `\n=== ${one.name} (${one.database})\nprobe: ${one.probe}\nact:\n${one.act}`,
    ),
    "",
  ].join("\n");
  await expect(text).toMatchFileSnapshot("golden/sql.txt");
});
