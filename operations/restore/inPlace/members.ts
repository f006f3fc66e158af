import { setTimeout as sleep } from "node:timers/promises";
import { postgresData } from "../../../roles/paths.ts";
import { PATRONI_NAMESPACE } from "../../../roles/patroniConfiguration.ts";
import { messageOf } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { awaitStandby, clusterMembers, isStreaming, sql } from "../../membership/postgres.ts";
import type { Machine } from "../../topology.ts";
import { markArchive, psql } from "../archive.ts";
import { repositoriesOf } from "../repositories.ts";
import type { Place } from "./replay.ts";

const UNIT = "patroni.service";
/** How long a restored database may take to be the primary (milliseconds); its log is replayed already. */
const LEADS_WITHIN = 180_000;
const POLL_MS = 500;

/** Everybody's password, as PostgreSQL keeps them: a restored database has those of its time. */
const PASSWORDS =
  "SELECT format('DO $do$ BEGIN IF to_regrole(%L) IS NOT NULL THEN ALTER ROLE %I PASSWORD %L; END IF; END $do$;', " +
  "rolname, rolname, rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL";

/** The members of a cluster while one of them is restored in place. */
export class Members {
  readonly #place: Place;
  readonly #ctx: OperationContext;

  constructor(place: Place, ctx: OperationContext) {
    this.#place = place;
    this.#ctx = ctx;
  }

  async areStopped(): Promise<boolean> {
    const command = `[ "$(systemctl is-enabled ${UNIT} 2>&1)" = masked ] && ${NO_POSTGRES} && echo yes || true`;
    const answers = await Promise.all(this.#all.map((machine) => this.#run(machine, command)));
    return answers.every((answer) => answer === "yes");
  }

  /** Only what the old database says counts: a note that is there stays. What does not run says nothing. */
  async notePasswords(): Promise<void> {
    const { machine, places } = this.#place;
    const file = `${places.work}/passwords.sql`;
    if ((await this.#run(machine, `[ -e ${file} ] && echo yes || true`)) === "yes") return;
    const note = [
      `install -d -o postgres -g postgres -m 0700 ${places.work}`,
      `(umask 077; ${psql(PASSWORDS)} > ${file}.part && mv ${file}.part ${file})`,
    ].join(" && ");
    try {
      await this.#run(machine, note);
      const anywhere = repositoriesOf(this.#place.machines.topology).map(({ number }) => number);
      await markArchive(this.#place.machines, machine, this.#place.cluster, anywhere);
    } catch (error) {
      this.#ctx.signal.throwIfAborted();
      this.#ctx.onLine(`  warning: ${machine.name}: ${messageOf(error).split("\n")[0]}`);
    }
  }

  /** The standbys first, so that none of them takes over. Masked, nobody starts it by mistake, a boot included. */
  async stop(): Promise<void> {
    await Promise.all(this.#others.map((machine) => this.#stop(machine)));
    await this.#stop(this.#place.machine);
  }

  async leads(): Promise<boolean> {
    const { cluster, machine, machines } = this.#place;
    const active = await this.#run(machine, `systemctl is-active ${UNIT} || true`);
    if (active !== "active") return false;
    const members = await clusterMembers(machines, { ...cluster, members: [machine.name] }).catch(() => []);
    const own = members.find((member) => member.name === machine.name);
    if (!own?.leader || own.state !== "running") return false;
    const recovering = await sql(machines, machine, "SELECT pg_is_in_recovery()").catch(() => "t");
    return recovering === "f";
  }

  /**
   * Starts Patroni over the data that is there, alone. What the consensus store knows of the cluster's past must not
   * keep it from leading: by that it is far behind.
   */
  async lead(): Promise<void> {
    const { machine } = this.#place;
    if ((await this.#run(machine, `systemctl is-active ${UNIT} || true`)) !== "active") {
      await this.#forgetPast();
      await this.#run(machine, START);
    }
    const end = Date.now() + LEADS_WITHIN;
    while (!(await this.leads())) {
      this.#ctx.signal.throwIfAborted();
      if (Date.now() > end) {
        const words = await this.#run(machine, `journalctl -u ${UNIT} -n 12 --no-pager -o cat`);
        throw new Error(`${machine.name} does not lead after ${LEADS_WITHIN / 1000} s\n${words}`);
      }
      await sleep(POLL_MS);
    }
  }

  async setPasswords(): Promise<void> {
    const { machine, places } = this.#place;
    const file = `${places.work}/passwords.sql`;
    const apply = `runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d postgres -f - < ${file}`;
    await this.#run(machine, `if [ -e ${file} ]; then ${apply}; fi`);
  }

  async followed(): Promise<boolean> {
    const { cluster, machines } = this.#place;
    if (this.#others.length === 0) return true;
    const members = await clusterMembers(machines, cluster);
    return this.#others.every(({ name }) =>
      members.some((member) => member.name === name && isStreaming(member)),
    );
  }

  /** @param options.anew Whether they give up what they have. Where that was done already, it is not done again. */
  async follow({ anew }: { anew: boolean }): Promise<void> {
    const { cluster, machines, places } = this.#place;
    const data = postgresData(cluster.postgresVersion);
    for (const machine of this.#others) {
      const cleared = `${places.work}/cleared`;
      if (anew && (await this.#run(machine, `[ -e ${cleared} ] || echo no`)) === "no") {
        await this.#stop(machine);
        await this.#run(
          machine,
          `rm -rf --one-file-system ${data} && install -d -o postgres -g postgres -m 0700 ${data} ${places.work} && touch ${cleared}`,
        );
      }
      await this.#run(machine, START);
    }
    for (const { name } of this.#others) await awaitStandby(machines, cluster, name, this.#ctx);
  }

  /** Whether any of them has begun to copy what was restored; such a copy must be made again. */
  async haveFollowed(): Promise<boolean> {
    const cleared = `${this.#place.places.work}/cleared`;
    const answers = await Promise.all(
      this.#others.map((machine) => this.#run(machine, `[ -e ${cleared} ] && echo yes || true`)),
    );
    if (!answers.includes("yes")) return false;
    await Promise.all(this.#others.map((machine) => this.#run(machine, `rm -f ${cleared}`)));
    return true;
  }

  /** Removes what the restore noted for itself. */
  async tidy(): Promise<void> {
    const { work } = this.#place.places;
    await Promise.all(this.#all.map((machine) => this.#run(machine, `rm -rf --one-file-system ${work}`)));
  }

  get #all(): Machine[] {
    return this.#place.cluster.members.map((name) => this.#place.machines.named(name));
  }

  get #others(): Machine[] {
    return this.#all.filter(({ name }) => name !== this.#place.machine.name);
  }

  async #stop(machine: Machine): Promise<void> {
    await this.#run(machine, `systemctl mask --now ${UNIT} 2>&1 && ${NO_POSTGRES}`);
  }

  async #forgetPast(): Promise<void> {
    const { cluster, machine, machines, places } = this.#place;
    const scope = `${PATRONI_NAMESPACE}${cluster.name}`;
    const keys = [
      "leader",
      "status",
      "sync",
      "failsafe",
      ...cluster.members.map((name) => `members/${name}`),
    ];
    const control = await this.#run(machine, `${places.bin}/pg_controldata -D ${places.data}`);
    const system = /^Database system identifier:\s+(\d+)$/m.exec(control)?.[1];
    if (system === undefined) throw new Error(`${machine.name}: ${places.data} holds no database`);
    await machines.anyEtcd(async (etcd) => {
      for (const key of keys) await etcd.put(`${scope}/${key}`, null, []);
      const known = await etcd.get(`${scope}/initialize`);
      if (known?.value !== system) await etcd.put(`${scope}/initialize`, system, []);
    });
  }

  async #run(machine: Machine, command: string): Promise<string> {
    return (await this.#place.machines.run(machine, command)).trim();
  }
}

const NO_POSTGRES = "! pgrep -u postgres -x postgres > /dev/null";
const START = `systemctl unmask ${UNIT} 2>&1 && systemctl enable --now ${UNIT} 2>&1`;
