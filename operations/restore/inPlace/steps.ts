import type { Step } from "../../workflow/step.ts";
import type { InPlaceWorld } from "./world.ts";

/**
 * The steps of a restore in place, in their order. While the old data is kept, all of it can be taken back.
 * @param options.back To data that was kept, instead of a backup.
 */
export function inPlaceSteps(options: { back: boolean; keepOld: boolean }): Step<InPlaceWorld>[] {
  const { back, keepOld } = options;
  return [
    {
      name: "stop",
      title: "end PostgreSQL on every member",
      probe: (world) => world.isStopped(),
      act: (world) => world.stop(),
      undo: (world) => world.start(),
    },
    {
      name: "aside",
      title: back ? "change places with the data that was kept" : "put the old data aside",
      probe: (world) => world.isAside(),
      act: (world) => world.putAside(),
      ...(keepOld ? { undo: (world: InPlaceWorld) => world.putBack() } : { final: true as const }),
    },
    ...(back
      ? []
      : [
          {
            name: "files",
            title: "fetch the backup's files",
            probe: (world: InPlaceWorld) => world.hasFiles(),
            act: (world: InPlaceWorld) => world.fetchFiles(),
          },
        ]),
    {
      name: "replay",
      title: back ? "begin a new timeline" : "replay the log",
      probe: (world) => world.isReplayed(),
      act: (world) => world.replay(),
    },
    {
      name: "lead",
      title: "let it lead; clients go on",
      probe: (world) => world.leads(),
      act: (world) => world.lead(),
      undo: (world) => world.stop(),
    },
    {
      name: "follow",
      title: "let the other members copy it",
      probe: (world) => world.followed(),
      act: (world) => world.follow(),
      undo: (world) => world.stop(),
    },
    {
      name: "archive",
      title: "see that the archive goes on, and begin a full backup",
      probe: (world) => world.isArchiving(),
      act: (world) => world.archive(),
    },
  ];
}
