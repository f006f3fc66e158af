import { expect, test } from "vitest";
import {
  chooseRepository,
  repositoriesOf,
  repositoryText,
} from "../../../../operations/restore/repositories.ts";
import { topology } from "../../infra/topology.ts";

const cluster = { backupStanza: "main" };
/** Nobody listens at this port. */
const away = { ...topology.buckets[0]!, endpoint: "https://127.0.0.1:1" };
const two = { ...topology, buckets: [away, { ...away, name: "second" }] };

function context() {
  const lines: string[] = [];
  return { lines, ctx: { onLine: (line: string) => lines.push(line), signal: new AbortController().signal } };
}

test("the only one is taken without a look, and so is the one that was asked for", async () => {
  const { ctx, lines } = context();
  const alone = { ...topology, buckets: [away] };
  expect((await chooseRepository(alone, cluster, undefined, ctx)).number).toBe(1);
  expect(await chooseRepository(two, cluster, 2, ctx)).toEqual({ number: 2, bucket: two.buckets[1] });
  expect(lines).toEqual([]);
});

test("one that is not there is refused", async () => {
  const { ctx } = context();
  await expect(chooseRepository(topology, cluster, 2, ctx)).rejects.toMatchObject({
    happened: "production has no repository 2.",
    exitCode: 2,
    todo: [expect.stringContaining("leave --repository away")],
  });
  await expect(chooseRepository(two, cluster, 3, ctx)).rejects.toMatchObject({
    todo: ["Give --repository 1 or 2."],
  });
});

test("where none answers the first one says why", async () => {
  const { ctx } = context();
  expect((await chooseRepository(two, cluster, undefined, ctx)).number).toBe(1);
}, 60_000);

test("they are called so that they can be found", () => {
  expect(repositoriesOf(two).map(repositoryText)).toEqual([
    `repository 1 (${away.name} at https://127.0.0.1:1)`,
    "repository 2 (second at https://127.0.0.1:1)",
  ]);
});
