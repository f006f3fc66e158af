import type { InPlaceWorld } from "../../../../../operations/restore/inPlace/world.ts";
import type { Killer } from "../../workflow/killer.ts";

/** Data as one line of history: what it holds, and under which timeline it writes. */
interface Data {
  rows: "now" | "backup" | "target";
  timeline: number;
}

/**
 * A cluster of two in memory. It is not forgiving: a timeline that the archive has already is refused, data that is
 * overwritten is gone, and a member that has what the leader never wrote cannot follow.
 */
export class SimulatedInPlace implements InPlaceWorld {
  killer: Killer;
  readonly #keepOld: boolean;
  data: Data | null = { rows: "now", timeline: 1 };
  old: Data | null = null;
  standby: Data | null = { rows: "now", timeline: 1 };
  running = { leader: true, standby: true };
  /** Timelines whose beginning the archive has. */
  readonly archived = new Set([1]);
  written = false;
  backups = 0;
  #replayed = false;
  #begun = false;

  constructor(killer: Killer, keepOld: boolean) {
    this.killer = killer;
    this.#keepOld = keepOld;
  }

  async isStopped() {
    return !this.running.leader && !this.running.standby;
  }

  async stop() {
    await this.#effect("stop standby", () => {
      this.running.standby = false;
    });
    await this.#effect("stop leader", () => {
      this.running.leader = false;
    });
  }

  async start() {
    await this.#lead();
    if (this.standby?.timeline !== this.data?.timeline && this.standby?.rows !== "now")
      await this.#effect("clear standby", () => {
        this.standby = null;
      });
    await this.#startStandby();
  }

  async isAside() {
    return this.#keepOld && this.old !== null && this.data !== null;
  }

  async putAside() {
    if (!this.#keepOld || this.old) return;
    await this.#effect("aside", () => {
      this.old = structuredClone(this.data);
    });
  }

  async putBack() {
    if (this.running.leader) throw new Error("data is moved under a running database");
    await this.#effect("put back", () => {
      if (this.old) this.data = this.old;
      this.old = null;
    });
    if (this.#begun) await this.#ownTimeline();
  }

  async hasFiles() {
    return this.data?.rows !== "now";
  }

  async fetchFiles() {
    if (this.running.leader) throw new Error("a backup is restored under a running database");
    await this.#effect("files", () => {
      this.data = { rows: "backup", timeline: 1 };
    });
  }

  async isReplayed() {
    return this.#replayed;
  }

  async replay() {
    await this.#effect("begin replay", () => {
      this.#begun = true;
    });
    await this.#effect("replay", () => {
      if (!this.#replayed) this.data = { rows: "target", timeline: this.#newTimeline() };
      this.#replayed = true;
    });
  }

  async leads() {
    return this.running.leader;
  }

  async lead() {
    await this.#lead();
  }

  async followed() {
    return this.running.standby && this.standby?.timeline === this.data?.timeline;
  }

  async follow() {
    if (this.standby?.rows !== this.data?.rows)
      await this.#effect("clear standby", () => {
        this.standby = null;
      });
    await this.#startStandby();
  }

  async isArchiving() {
    return this.written;
  }

  async archive() {
    await this.#effect("backup", () => {
      this.backups++;
    });
    await this.#effect("write down", () => {
      this.written = true;
    });
  }

  async #lead() {
    if (!this.data) throw new Error("there is no data to lead with");
    await this.#effect("lead", () => {
      // Patroni promotes what it starts: by the timelines that the data itself knows of.
      if (!this.archived.has(this.data!.timeline)) throw new Error("the archive lacks this timeline");
      if (this.data!.timeline === 1 && this.archived.has(2))
        throw new Error("the archive has timeline 2 already");
      this.running.leader = true;
    });
  }

  async #startStandby() {
    await this.#effect("follow", () => {
      const { standby } = this;
      if (standby && standby.rows !== this.data!.rows) throw new Error("the standby has another history");
      this.standby = structuredClone(this.data);
      this.running.standby = true;
    });
  }

  async #ownTimeline() {
    await this.#effect("own timeline", () => {
      this.data = { ...this.data!, timeline: this.#newTimeline() };
    });
  }

  #newTimeline(): number {
    const next = Math.max(...this.archived) + 1;
    this.archived.add(next);
    return next;
  }

  #effect(name: string, act: () => void): Promise<void> {
    return this.killer.effect(name, act);
  }
}
