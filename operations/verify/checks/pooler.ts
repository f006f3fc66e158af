import { type Check, combine, type Finding } from "../check.ts";

export type ConsoleRow = Record<string, string>;

const console_ = "runuser -u postgres -- psql -h /run/pgbouncer -p 6432 -d pgbouncer -X --csv -c";

/** A client that waits longer than this (seconds) waits for a pool that is too small, or for a database that is away. */
const longWait = 5;

export const pooler: Check = {
  name: "pooler",
  async run(world) {
    const { topology } = world;
    const gateways = topology.machines.filter((machine) => machine.roles.includes("pgbouncer"));
    const findings = gateways.map(async (machine) => {
      const [databases, pools] = await Promise.all([
        world.run(machine, `${console_} 'SHOW DATABASES'`),
        world.run(machine, `${console_} 'SHOW POOLS'`),
      ]);
      return judge(machine.name, parseCsv(databases), parseCsv(pools), topology.stack);
    });
    return combine(await Promise.all(findings));
  },
};

export function judge(machine: string, databases: ConsoleRow[], pools: ConsoleRow[], stack: string): Finding {
  const own = databases.filter((row) => row.name !== "pgbouncer");
  const stopped = own.filter((row) => row.paused === "1" || row.disabled === "1");
  const waiting = pools.filter((row) => Number(row.maxwait) > longWait);
  if (stopped.length > 0) {
    const names = stopped.map((row) => row.name).join(", ");
    return {
      ok: false,
      detail: `${machine}: clients of ${names} are held`,
      fix: `RESUME on PgBouncer's console (npx phasewise ssh ${stack} ${machine}), unless a cutover is under way`,
    };
  }
  if (waiting.length > 0) {
    const told = waiting.map(
      (row) => `${row.cl_waiting} clients of ${row.database}/${row.user} wait for ${row.maxwait} s`,
    );
    return {
      ok: false,
      detail: `${machine}: ${told.join(", ")}`,
      fix: "raise phasewise:pools.size, or look for statements that hold their connection",
    };
  }
  const active = pools.reduce((sum, row) => sum + Number(row.cl_active ?? 0), 0);
  return {
    ok: true,
    detail: `${machine}: ${own.map((row) => row.name).join(", ")}; ${active} clients, nobody waits`,
  };
}

/** psql's CSV of the console: no value there holds a comma or a quotation mark. */
export function parseCsv(text: string): ConsoleRow[] {
  const [head = "", ...lines] = text.trim().split("\n");
  const names = head.split(",");
  return lines.map((line) => {
    const values = line.split(",");
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
  });
}
