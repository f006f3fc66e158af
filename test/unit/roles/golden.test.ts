import { expect, test } from "vitest";
import { clusterSql } from "../../../roles/sql/cluster.ts";
import { printed, roles } from "./machine.ts";

test.each(roles.map((role) => [role.name, role] as const))(
  "role %s renders as before",
  async (name, role) => {
    await expect(printed(role)).toMatchFileSnapshot(`golden/${name}.txt`);
  },
);

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
