/** What a stack is brought to by one run of its program: a phase, or everything that two phases have. */
export type Stage = { phase: number } | { from: number; to: number };

/** One etcd member, by its machine's name. */
export interface Voter {
  name: string;
  /** It copies, and has no vote yet. */
  learner: boolean;
}

/** One PostgreSQL member as Patroni sees it. */
export interface Member {
  name: string;
  leader: boolean;
  /** It follows the leader by streaming, and is near it. */
  streaming: boolean;
}

/**
 * What a promotion sees and does. Each doing may be repeated, and returns when what it is for holds; after a kill in
 * the middle of it the same call goes on.
 */
export interface PromotionWorld {
  /** Runs the program for a stage: machines, roles, networks and whatever else it has come and go. */
  deploy(stage: Stage): Promise<void>;

  voters(): Promise<Voter[]>;
  /** Gives a machine a vote: as a learner first, until it has copied everything. */
  addVoter(name: string): Promise<void>;
  /** Takes a machine's vote, where it has one, and ends its etcd, where it answers. */
  removeVoter(name: string): Promise<void>;

  members(): Promise<Member[]>;
  /** Waits until a standby streams. */
  awaitStandby(name: string): Promise<void>;
  /** Moves the primary while clients wait. */
  moveLeader(to: string): Promise<void>;
  /** Ends PostgreSQL on a machine that is no primary, and deletes its copy of the data. */
  retire(name: string): Promise<void>;
  /** The same for a machine that is about to be deleted: one that does not answer any more is forgotten. */
  abandon(name: string): Promise<void>;
  /** Whether PostgreSQL and its copy of the data are gone from a machine, or the machine is. */
  isRetired(name: string): Promise<boolean>;

  /** Whether a Redis of a cache has all data and follows its primary, or is the primary. */
  hasReplica(cache: string, name: string): Promise<boolean>;
  /** Waits for that, and until Sentinels watch the cache. */
  awaitReplica(cache: string, name: string): Promise<void>;
  /** Sees that the primary of a cache is on one of these machines, moving it to the first of them if it is not. */
  moveCache(cache: string, to: string[]): Promise<void>;
  /** Ends the Redis of a cache on a machine that is about to be deleted, and deletes its copy. `keep`: those that stay. */
  retireReplica(cache: string, name: string, keep: string[]): Promise<void>;

  /** Throws where anything of what runs is not as it should be. */
  verify(): Promise<void>;
  /** Throws where the canary misses a row or a client saw an error. */
  confirm(): Promise<void>;

  /** The phase that the stack's file asks for. */
  filePhase(): Promise<number>;
  writePhase(phase: number): Promise<void>;
}
