import { withSession } from "../../../clients/ssh.ts";
import { withBareMachine } from "../bareMachine.ts";
import type { Item } from "../item.ts";

/** From the request for a server to its first answer by SSH, the machine's keys verified. */
export const measure: Item = async (bench) => {
  const { stack } = bench;
  await bench.running();
  const values = await bench.repeat(async (run) => {
    bench.progress(`a server from its request to SSH, ${run + 1} of ${bench.runs}`);
    let asked = 0;
    return withBareMachine(
      stack,
      async ({ target }) => {
        await withSession(target, { deadlineMs: 60_000 }, async (session) => {
          const { code } = await session.exec("true");
          if (code !== 0) throw new Error(`the machine runs no command: exit ${code}`);
        });
        return (performance.now() - asked) / 1000;
      },
      () => {
        asked = performance.now();
      },
    );
  });
  return [
    {
      name: "an embedded server, from the request to SSH",
      values,
      unit: "s",
      goal: { atMost: 3, of: "value" },
    },
  ];
};
