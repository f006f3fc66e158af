import { Etcd, EtcdError, UNAVAILABLE } from "../clients/etcd.ts";
import { Patroni } from "../clients/patroni.ts";
import { connect, type ExecResult, SshError, SshLost, type SshSession } from "../clients/ssh.ts";
import type { Topology } from "../infra/topology.ts";
import { PORTS } from "../roles/paths.ts";
import { nodeTls } from "../roles/tls.ts";
import { messageOf } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { type Machine, sshTarget } from "./topology.ts";

/** How long a machine may take to answer (milliseconds). */
const REACH_WITHIN = 8000;

/** The machines of a stack, by SSH sessions that are opened when they are first needed; to be closed. */
export class Machines implements AsyncDisposable {
  readonly topology: Topology;
  readonly #ctx: OperationContext;
  readonly #sessions = new Map<string, Promise<SshSession>>();

  constructor(topology: Topology, ctx: OperationContext) {
    this.topology = topology;
    this.#ctx = ctx;
  }

  named(name: string): Machine {
    const machine = this.topology.machines.find((each) => each.name === name);
    if (!machine) throw new Error(`${this.topology.stack} has no machine ${name}`);
    return machine;
  }

  with(role: string): Machine[] {
    return this.topology.machines.filter((machine) => machine.roles.includes(role));
  }

  /** An open session, the same for all who ask at the same time; a connection that broke is opened anew. */
  session(machine: Machine): Promise<SshSession> {
    const open = () =>
      connect(sshTarget(this.topology, machine), { signal: this.#ctx.signal, deadlineMs: REACH_WITHIN });
    const known = this.#sessions.get(machine.name);
    const session = known ? known.then((one) => (one.isClosed ? open() : one), open) : open();
    this.#sessions.set(machine.name, session);
    return session;
  }

  /** Runs a shell command as root and gives its standard output; throws where it fails. */
  async run(machine: Machine, command: string, stdin?: string): Promise<string> {
    const session = await this.session(machine);
    const result = await session.exec(command, stdin === undefined ? {} : { stdin });
    return outputOf(result, machine, command);
  }

  async patroni(machine: Machine): Promise<Patroni> {
    const { ca, certificate, key } = nodeTls("root");
    return new Patroni(await this.session(machine), { port: PORTS.patroni, ca, certificate, key });
  }

  async etcd(machine: Machine): Promise<Etcd> {
    const { ca, certificate, key } = nodeTls("root");
    return new Etcd(await this.session(machine), { port: PORTS.etcdClient, ca, certificate, key });
  }

  /**
   * Calls `use` with the etcd of the first machine that answers.
   * @param names Machines to be asked; by default all that carry etcd.
   * @throws What the last one failed with, where none answers. An answer that says no is thrown at once.
   */
  async anyEtcd<T>(use: (etcd: Etcd) => Promise<T>, names?: string[]): Promise<T> {
    const machines = names ? names.map((name) => this.named(name)) : this.with("etcd");
    const reasons: string[] = [];
    for (const machine of machines) {
      try {
        return await use(await this.etcd(machine));
      } catch (error) {
        this.#ctx.signal.throwIfAborted();
        if (!isUnavailable(error)) throw error;
        reasons.push(`${machine.name}: ${messageOf(error).split("\n")[0]}`);
      }
    }
    throw new EtcdError(`no etcd answers: ${reasons.join("; ")}`, UNAVAILABLE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of this.#sessions.values()) {
      await opening.then((session) => session.close()).catch(() => {});
    }
  }
}

/** What a command printed. @throws Where it failed, with its beginning and the last line of what it said. */
export function outputOf(result: ExecResult, machine: Machine, command: string): string {
  if (result.code === 0) return result.stdout;
  const reason = (result.stderr.trim() || result.stdout.trim()).split("\n").at(-1);
  const program = command.trim().split("\n")[0]!.slice(0, 60);
  throw new Error(`on ${machine.name}, \`${program}\` ended with code ${result.code}: ${reason}`);
}

/** Whether another member may answer. */
function isUnavailable(error: unknown): boolean {
  if (error instanceof EtcdError) return error.code === UNAVAILABLE;
  return isUnreachable(error);
}

/** Whether a machine did not answer at all. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof SshLost || (error instanceof SshError && error.kind === "unreachable");
}
