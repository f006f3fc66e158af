import { messageOf } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import type { Machines } from "../../machines.ts";
import type { Cluster } from "../../topology.ts";
import { judgeClock } from "../clock.ts";
import { repositoryNumbered } from "../repositories.ts";
import { openStore } from "../store.ts";
import {
  asideCommand,
  isAsideCommand,
  noteTimelineCommand,
  putBackCommand,
  swapBackCommand,
  swapCommand,
} from "./aside.ts";
import { continueArchive, type Ended, writtenDown } from "./continuity.ts";
import { fetchBackup, hasBackup } from "./files.ts";
import { Members } from "./members.ts";
import { placesOf } from "./places.ts";
import { type Place, type Replayed, replayedBefore, replayTo } from "./replay.ts";
import type { RestoreRequest } from "./request.ts";
import type { InPlaceWorld } from "./world.ts";

/** A restore in place on a stack that runs. */
export class StackInPlace implements InPlaceWorld {
  readonly #id: string;
  readonly #request: RestoreRequest;
  readonly #place: Place;
  readonly #members: Members;
  readonly #ctx: OperationContext;

  constructor(
    options: { id: string; request: RestoreRequest; machines: Machines; cluster: Cluster },
    ctx: OperationContext,
  ) {
    const { cluster, id, machines, request } = options;
    this.#id = id;
    this.#request = request;
    this.#place = {
      machines,
      cluster,
      machine: machines.named(request.machine),
      places: placesOf(cluster.postgresVersion, id),
    };
    this.#members = new Members(this.#place, ctx);
    this.#ctx = ctx;
  }

  isStopped(): Promise<boolean> {
    return this.#members.areStopped();
  }

  async stop(): Promise<void> {
    await this.#members.notePasswords();
    await this.#members.stop();
  }

  /** Only ever to go on with the old data: what the others have of the restored one goes. */
  async start(): Promise<void> {
    await this.#members.lead();
    await this.#members.follow({ anew: await this.#members.haveFollowed() });
    await this.#members.tidy();
  }

  async isAside(): Promise<boolean> {
    if (!this.#request.keepOld) return false;
    return (await this.#run(isAsideCommand(this.#place, this.#kept))) === "yes";
  }

  async putAside(): Promise<void> {
    await this.#run(noteTimelineCommand(this.#place));
    if (!this.#request.keepOld) return;
    const kept = this.#kept;
    const note = this.#note();
    await this.#run(kept === null ? asideCommand(this.#place, note) : swapCommand(this.#place, kept, note));
  }

  async putBack(): Promise<void> {
    const kept = this.#kept;
    await this.#run(
      kept === null ? putBackCommand(this.#place) : swapBackCommand(this.#place, kept, this.#note()),
    );
    await this.#ownTimeline();
  }

  hasFiles(): Promise<boolean> {
    return hasBackup(this.#place);
  }

  async fetchFiles(): Promise<void> {
    const { from } = this.#request;
    if (from.type === "backup") await fetchBackup(this.#place, from, this.#ctx);
  }

  async isReplayed(): Promise<boolean> {
    return (await replayedBefore(this.#place)) !== null && (await this.#members.areStopped());
  }

  async replay(): Promise<void> {
    const { from } = this.#request;
    const wanted = from.type === "backup" ? from : { target: {}, timeline: "current" };
    const replayed = await replayTo(this.#place, wanted, this.#ctx);
    // Now, while nobody goes on with it.
    await this.#warning(replayed, this.#ctx);
  }

  leads(): Promise<boolean> {
    return this.#members.leads();
  }

  async lead(): Promise<void> {
    await this.#members.lead();
    await this.#members.setPasswords();
  }

  followed(): Promise<boolean> {
    return this.#members.followed();
  }

  follow(): Promise<void> {
    return this.#members.follow({ anew: true });
  }

  async isArchiving(): Promise<boolean> {
    return (await this.outcome()) !== null;
  }

  async archive(): Promise<void> {
    using store = openStore(this.#place.machines.topology, this.#ctx.onLine);
    const replayed = await replayedBefore(this.#place);
    if (!replayed) throw new Error(`nothing says how far the restore ${this.#id} came`);
    const warning = await this.#warning(replayed, null);
    await continueArchive(this.#place, { id: this.#id, replayed, warning, store }, this.#ctx);
    await this.#members.tidy();
  }

  /** How far a restore came that has ended. */
  async outcome(): Promise<Ended | null> {
    using store = openStore(this.#place.machines.topology, this.#ctx.onLine);
    return await writtenDown(store, this.#place.cluster, this.#id);
  }

  /**
   * Where the restored database had begun a timeline, the archive has it: the old data must go on under another
   * number, which it only gets by a recovery that asks the archive.
   */
  async #ownTimeline(): Promise<void> {
    const { work } = this.#place.places;
    const begun = await this.#run(`[ -e ${work}/replay-begun ] && echo yes || true`);
    if (begun !== "yes") return;
    await this.#run(`rm -f ${work}/replayed.json`);
    await replayTo(this.#place, { target: {}, timeline: "current" }, this.#ctx);
  }

  /** Whether a clock was wrong by which the target was looked for. */
  async #warning(
    { before, lsn, stopped, time }: Replayed,
    ctx: OperationContext | null,
  ): Promise<string | null> {
    const { from } = this.#request;
    if (from.type === "old") return null;
    const { cluster, machines } = this.#place;
    const { bucket } = repositoryNumbered(machines.topology, from.repository);
    return await judgeClock(bucket, cluster, { reached: { time, lsn }, stopped, timeline: before }, ctx);
  }

  get #kept(): string | null {
    const { from } = this.#request;
    return from.type === "old" ? placesOf(this.#place.cluster.postgresVersion, from.id).old : null;
  }

  /** One line of JSON without a quote that a shell would take. */
  #note(): string {
    return JSON.stringify({ at: new Date().toISOString(), restoredTo: this.#request.targetText });
  }

  async #run(command: string): Promise<string> {
    try {
      return (await this.#place.machines.run(this.#place.machine, command)).trim();
    } catch (error) {
      throw new Error(messageOf(error), { cause: error });
    }
  }
}
