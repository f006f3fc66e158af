import { hostname, userInfo } from "node:os";
import type { Client } from "pg";
import type { Topology } from "../../../infra/topology.ts";
import type { OperationContext } from "../../context.ts";
import { openPrimary } from "../../primary.ts";
import type { Cluster } from "../../topology.ts";
import { openWorld } from "../../verify/world.ts";
import { diskReason } from "./disk.ts";
import { openJournal } from "./journal.ts";
import type { Patience, Runner } from "./runStep.ts";
import { openSession, takeTurn } from "./session.ts";
import { type Watch, watch } from "./watch.ts";

/** A cluster's database at its primary, as its owner. */
export interface Database extends AsyncDisposable {
  client: Client;
  /** Takes the turn: one run at a time. */
  runner(run: string, catalogues: string[], patience: Patience): Promise<Runner>;
}

export async function openDatabase(
  topology: Topology,
  cluster: Cluster,
  ctx: OperationContext,
): Promise<Database> {
  await using opening = new AsyncDisposableStack();
  const primary = opening.use(await openPrimary(topology, cluster, "owner", ctx));
  const client = opening.adopt(await openSession(primary.target), (one) => one.end());
  const world = opening.use(
    openWorld(topology, { unavailable: "the database is asked, not the cloud" }, ctx),
  );
  const open = opening.move();
  const reasonToStop = () => diskReason(world, primary.machine);
  let second: Promise<Client> | null = null;
  const observer = () => {
    second ??= openSession(primary.target).then((one) => open.adopt(one, (it) => it.end()));
    return second;
  };
  return {
    client,
    runner: async (run, catalogues, patience) => {
      await takeTurn(client);
      const [{ pid }] = (await client.query("SELECT pg_backend_pid() AS pid")).rows as [{ pid: number }];
      return {
        client,
        journal: openJournal(client, run, catalogues, `${userInfo().username}@${hostname()}`),
        patience,
        signal: ctx.signal,
        onLine: ctx.onLine,
        reasonNotToBegin: reasonToStop,
        watch: async (title): Promise<Watch> =>
          watch(title, {
            client: await observer(),
            pid,
            onLine: ctx.onLine,
            reasonToStop: async () => (ctx.signal.aborted ? "interrupted" : await reasonToStop()),
          }),
      };
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
