import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { connect } from "../clients/ssh.ts";
import { Problem } from "../toolchain/problem.ts";
import { connection } from "./connection.ts";
import type { OperationContext } from "./context.ts";
import { findMachine, readDeployed, sshTarget } from "./topology.ts";

/**
 * Runs psql through the clients' endpoint with the certificate verified. The password travels in psql's
 * environment, which only the operator and root can read, never among its arguments.
 * @returns psql's exit code.
 */
export async function runPsql(
  stack: string,
  role: string,
  args: string[],
  ctx: OperationContext,
): Promise<number> {
  const { public: target, password } = await connection(stack, role, ctx);
  const child = spawn("psql", args, {
    stdio: "inherit",
    env: {
      ...process.env,
      PGHOST: target.host,
      PGPORT: String(target.port),
      PGDATABASE: target.database,
      PGUSER: target.user,
      PGPASSWORD: password,
      PGSSLMODE: "verify-full",
      PGSSLROOTCERT: target.caCertificate,
      PGAPPNAME: "phasewise psql",
      // Seconds: a port that a firewall closes would be waited for for minutes.
      PGCONNECT_TIMEOUT: process.env.PGCONNECT_TIMEOUT ?? "10",
    },
  });
  const [code, signal] = (await once(child, "exit").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? withoutPsql(stack) : error;
  })) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal!];
}

function withoutPsql(stack: string): Problem {
  return new Problem({
    happened: "There is no psql on this machine.",
    left: "Nothing was changed.",
    todo: [
      "Install it: apt-get install -y postgresql-client (macOS: brew install libpq)",
      `Or use any other client: npx phasewise url ${stack} --show-secrets`,
    ],
  });
}

/**
 * A shell on a machine, or one command there. The key stays in memory, the host key is the pinned one.
 * @returns The exit code of the shell or command.
 */
export async function runSsh(
  stack: string,
  name: string | undefined,
  command: string[],
  ctx: OperationContext,
): Promise<number> {
  const { topology } = await readDeployed(stack, ctx);
  const session = await connect(sshTarget(topology, findMachine(topology, name)), { signal: ctx.signal });
  try {
    return await session.attach(command.length > 0 ? command.join(" ") : null);
  } finally {
    session.close();
  }
}
