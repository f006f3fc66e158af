/**
 * What a restore in place sees and does. Each doing may be repeated, and returns when what it is for holds; after a
 * kill in the middle of it the same call goes on.
 */
export interface InPlaceWorld {
  /** Whether no member of the cluster runs, nor can be started by anybody but this restore. */
  isStopped(): Promise<boolean>;
  /** Brings the newest into the archive, notes the passwords, and ends PostgreSQL on every member. */
  stop(): Promise<void>;
  /** Lets Patroni go on with the data that is there; returns when there is a primary. */
  start(): Promise<void>;

  /** Whether the old data is aside and its place is free for other data. */
  isAside(): Promise<boolean>;
  putAside(): Promise<void>;
  /** The old data at its place again, on a timeline that nobody else uses. */
  putBack(): Promise<void>;

  hasFiles(): Promise<boolean>;
  fetchFiles(): Promise<void>;

  isReplayed(): Promise<boolean>;
  /** Replays the log up to the target, begins a timeline of its own, and ends PostgreSQL again. */
  replay(): Promise<void>;

  /** Whether the restored machine leads and takes writes. */
  leads(): Promise<boolean>;
  lead(): Promise<void>;

  /** Whether every other member follows. */
  followed(): Promise<boolean>;
  /** The other members give up what they have and copy the new primary. */
  follow(): Promise<void>;

  isArchiving(): Promise<boolean>;
  /** Sees that the archive takes what the new primary writes, writes down what was done, and begins a full backup. */
  archive(): Promise<void>;
}
