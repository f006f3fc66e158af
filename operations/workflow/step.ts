/**
 * One step of a workflow. It may be killed at any moment and is then run again, perhaps from another machine: so it
 * looks at the world first, and both `act` and `undo` can be repeated.
 */
export interface Step<World> {
  /** Stable: journals and scripts know it by this name. */
  name: string;
  /** What it does, for people: "join the standby db-1". */
  title: string;
  /** Once begun, the way back is closed: the workflow can only be finished. */
  final?: true;
  /** Whether what it is for holds already. */
  probe(world: World): Promise<boolean>;
  /** Makes it hold; returns when it does. */
  act(world: World): Promise<void>;
  /** Takes back what `act` did, or began to do. Left out where nothing is to be taken back. */
  undo?(world: World): Promise<void>;
}
