/**
 * What one machine must look like: plain JSON that `Host` sends and the machine's converger applies.
 *
 * File contents may hold placeholders `{{secret:<name>}}`; their values travel beside the manifest, as a
 * secret map, and are filled in on the machine, so that a preview shows every changed line and no secret.
 */
export interface Manifest {
  version: 1;
  hostname: string;
  /** Applied before anything else, in this order. */
  mounts: Mount[];
  /** Applied in this order; the packages of all of them are installed first, in one go. */
  roles: RoleManifest[];
}

/** A filesystem on a block device. A blank device is formatted; a device that has grown grows its filesystem. */
export interface Mount {
  /** A stable path, as /dev/disk/by-id/scsi-0HC_Volume_4711. */
  device: string;
  path: string;
  filesystem: "ext4" | "xfs";
  options: string[];
}

/** One role's part of a machine. */
export interface RoleManifest {
  name: string;
  /** Debian packages. */
  packages: string[];
  /** Packages of `packages` that only `rollout` may upgrade (apt-mark hold). */
  hold: string[];
  directories: Directory[];
  files: ManagedFile[];
  /** Run before the units are started. */
  prepare: Step[];
  units: Unit[];
  /** Run after the units are started. */
  finish: Step[];
  /** Waited for at the end of the role. */
  ready?: Probe;
}

export interface Directory {
  path: string;
  owner: string;
  group: string;
  /** Octal, as "0700". */
  mode: string;
}

export interface ManagedFile extends Directory {
  content: string;
  /** Written only where nothing is: from then on it belongs to the program that rewrites it. */
  seed?: boolean;
  /**
   * Written before the packages are installed too, so that a package's first configuration already finds it.
   * Only for files of root's: other users may not exist yet.
   */
  beforePackages?: boolean;
  /** What a change of this file asks of units that are running already. Unit files are reloaded in any case. */
  onChange?: OnChange[];
}

/**
 * - `reload`, `restart`: done at once, `restart` only for units without state.
 * - `pending`: reported as a pending restart; `rollout` does it, one member at a time.
 */
export interface OnChange {
  unit: string;
  action: "reload" | "restart" | "pending";
}

export interface Unit {
  name: string;
  /** `running`: enabled and started. `enabled`: enabled, started by something else. `stopped`: stopped and disabled. */
  state: "running" | "enabled" | "stopped";
  /** Never stopped or removed because a manifest leaves it out. */
  stateful: boolean;
}

/** A named, repeatable step: `act` runs only where `probe` exits with a code that is not 0. Both are sh scripts, as root. */
export interface Step {
  name: string;
  probe: string;
  act: string;
}

/** Repeated until it exits 0; past its deadline the role has failed, and the journal of `units` is shown. */
export interface Probe {
  name: string;
  command: string;
  deadlineSeconds: number;
  /** Whose last journal lines explain a failure. */
  units: string[];
}
