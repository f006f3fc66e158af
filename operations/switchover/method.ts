import type { OperationContext } from "../context.ts";
import type { Machines } from "../machines.ts";
import type { Machine } from "../topology.ts";
import type { Method } from "./settings.ts";

/** The fast way pauses every member's Patroni: with one that cannot say that it is, Patroni moves the primary itself. */
export async function methodFor(
  members: Machine[],
  machines: Pick<Machines, "patroni">,
  ctx: Pick<OperationContext, "onLine">,
): Promise<Method> {
  const answers = members.map(async (member) => {
    const asked = machines.patroni(member).then((patroni) => patroni.status());
    return asked.then(
      () => [],
      () => [member.name],
    );
  });
  const silent = (await Promise.all(answers)).flat();
  if (silent.length === 0) return "direct";
  ctx.onLine(`${silent.join(", ")} does not answer: Patroni moves the primary itself`);
  return "patroni";
}
