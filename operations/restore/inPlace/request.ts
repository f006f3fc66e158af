import { z } from "zod";

/** What a restore in place was asked for; it stands in the journal, so that anybody can go on with it. */
export const requestSchema = z.object({
  cluster: z.string(),
  /** The machine whose data is restored; the other members copy from it afterwards. */
  machine: z.string(),
  /**
   * `backup`: from the repository. `old`: back to data that an earlier restore kept, by the id of that restore.
   */
  from: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("backup"),
      label: z.string(),
      /** The number of the repository that it is in. */
      repository: z.number().default(1),
      /** PostgreSQL's settings that say where replaying ends; empty: with the archive. */
      target: z.record(z.string(), z.string()),
      /** The line of history that is followed. */
      timeline: z.string(),
    }),
    z.object({ type: z.literal("old"), id: z.string() }),
  ]),
  /** For people. */
  targetText: z.string(),
  keepOld: z.boolean(),
});

export type RestoreRequest = z.infer<typeof requestSchema>;
