import type { MachineWork } from "./work.ts";

/**
 * What a rollout sees and does. Each doing may be repeated, and returns when what it is for holds; after a kill in the
 * middle of it the same call goes on.
 */
export interface RolloutWorld {
  /** Whether a machine is the primary of a cluster. */
  leads(machine: string): Promise<boolean>;
  /** Moves the primary away from a machine while clients wait a moment; no-op where it is elsewhere. */
  vacate(machine: string): Promise<void>;

  /** Leads clients and reads away from a machine; they go on elsewhere. */
  drain(machine: string): Promise<void>;
  /** Takes back what `drain` did, and lets the machine serve. */
  undrain(machine: string): Promise<void>;

  /** Whether the packages of a machine's work have the version that they are to have. */
  isUpdated(work: MachineWork): Promise<boolean>;
  update(work: MachineWork): Promise<void>;
  /** Those of a machine's restarts that were not done since it was looked at. */
  waiting(work: MachineWork): Promise<string[]>;
  restart(machine: string, what: string): Promise<void>;
  hasRebooted(work: MachineWork): Promise<boolean>;
  reboot(machine: string): Promise<void>;

  /** Waits until everything is as it should be. @throws Problem where it does not become so. */
  settle(): Promise<void>;
  /** Does the restarts of PostgreSQL that still wait in place, clients held meanwhile: the primary, then the standbys. */
  restartInPlace(): Promise<void>;
  /** Whether any restart of PostgreSQL still waits. */
  stillWaits(): Promise<boolean>;
}
