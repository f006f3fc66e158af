import { expect, test } from "vitest";
import { readCopies } from "../../../../operations/copies/repositories.ts";
import type { World } from "../../../../operations/verify/check.ts";
import { lookInEach } from "../../../../operations/verify/checks/dailyCopy.ts";
import { topology } from "../../infra/topology.ts";

const [bucket] = topology.buckets;
const two = { ...topology, buckets: [bucket!, { ...bucket!, name: "second" }] };
/** The first one of two does not answer. */
function asked(refusing: number) {
  let number = 0;
  return async () => {
    if (++number === refusing) throw new Error("refused\nmore of it");
    return [`copy of ${number}`];
  };
}

test("one that does not answer is told, and what the other has is read", async () => {
  const lines: string[] = [];
  const options = { tell: (line: string) => lines.push(line) };
  const found = await readCopies(
    two,
    async () => [{ label: "a" }],
    ({ label }) => label,
    options,
  );
  expect(found).toEqual([{ label: "a", repositories: [1, 2] }]);
  const ask = asked(1);
  const half = async () => (await ask()).map((label) => ({ label }));
  expect(await readCopies(two, half, ({ label }) => label, options)).toEqual([
    { label: "copy of 2", repositories: [2] },
  ]);
  expect(lines).toEqual([
    `warning: repository 1 (${bucket!.name} at ${bucket!.endpoint}) does not answer: refused`,
  ]);
});

test("where none answers, or there is none of that number, it says so", async () => {
  const options = { tell: () => undefined };
  const refuse = async (): Promise<string[]> => {
    throw new Error("refused");
  };
  await expect(readCopies(two, refuse, String, options)).rejects.toThrow("refused");
  await expect(readCopies(two, refuse, String, { ...options, repository: 3 })).rejects.toMatchObject({
    happened: `${topology.stack} has no repository 3.`,
    exitCode: 2,
  });
  const only = { ...options, repository: 2 };
  expect(
    await readCopies(
      two,
      async () => [{ label: "a" }],
      ({ label }) => label,
      only,
    ),
  ).toEqual([{ label: "a", repositories: [2] }]);
});

test("verify judges each repository, and names the one that does not answer", async () => {
  const world = { topology: two } as World;
  const looked = { of: "main", fix: "mend it", read: asked(2) };
  const judge = async (copies: string[], where: string) => [{ ok: true, detail: `${copies[0]}${where}` }];
  expect(await lookInEach(world, { ...looked, judge })).toEqual([
    { ok: true, detail: "copy of 1, repository 1" },
    { ok: false, detail: "main, repository 2: the storage does not answer (refused)", fix: "mend it" },
  ]);
  const single = { topology: { ...two, buckets: [bucket!] } } as World;
  const one = await lookInEach(single, { ...looked, read: asked(0), judge });
  expect(one).toEqual([{ ok: true, detail: "copy of 1" }]);
});
