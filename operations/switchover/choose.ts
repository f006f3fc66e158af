import { Problem } from "../../toolchain/problem.ts";
import { type ClusterMember, isStreaming } from "../membership/postgres.ts";

/**
 * The standby that takes over in a planned move: the one that is asked for, else the one that is nearest.
 * @throws Problem (exit 2) where there is none, or the one asked for cannot.
 */
export function chooseStandby(cluster: string, members: ClusterMember[], asked: string | undefined): string {
  const able = members.filter(isStreaming).sort((a, b) => (a.lag ?? 0) - (b.lag ?? 0) || compare(a, b));
  const choice = asked === undefined ? able[0] : able.find((member) => member.name === asked);
  if (choice) return choice.name;
  const states = members.map(({ lag, leader, name, state }) =>
    leader ? `${name}: the primary` : `${name}: ${state}${lag === null ? "" : `, ${lag} bytes behind`}`,
  );
  const happened =
    asked === undefined
      ? `${cluster} has no standby that streams: nobody can take over without losing a write.`
      : `${asked} cannot take over in ${cluster}: it is no standby that streams.`;
  throw new Problem({
    happened,
    details: states,
    left: "Nothing was changed.",
    todo: able.length > 0 ? [`Give one of: ${able.map((member) => member.name).join(", ")}`] : [],
    exitCode: 2,
  });
}

/**
 * The standby that takes over by force: the one that is asked for, else the synchronous one, else the one that has most.
 * Bytes that it lacks of what the primary said last may be lost.
 * @throws Problem (exit 2) where there is none.
 */
export function chooseSurvivor(
  cluster: string,
  members: ClusterMember[],
  asked: string | undefined,
): Pick<ClusterMember, "name" | "lag" | "synchronous"> {
  const able = members.filter((member) => !member.leader && ALIVE.includes(member.state));
  const most = [...able].sort(
    (a, b) => Number(b.synchronous) - Number(a.synchronous) || behind(a) - behind(b) || compare(a, b),
  )[0];
  const choice = asked === undefined ? most : able.find((member) => member.name === asked);
  if (choice) return { name: choice.name, lag: choice.lag, synchronous: choice.synchronous };
  throw new Problem({
    happened: asked ? `${asked} cannot take over in ${cluster}.` : `${cluster} has no standby that lives.`,
    details: members.map(({ leader, name, state }) => `${name}: ${leader ? "the primary, " : ""}${state}`),
    left: "Nothing was changed.",
    todo:
      able.length > 0
        ? [`Give one of: ${able.map((member) => member.name).join(", ")}`]
        : ["Bring a standby up, or restore a backup."],
    exitCode: 2,
  });
}

const ALIVE = ["running", "streaming", "in archive recovery"];

/** Two of whom nobody knows how far they are behind are equal: infinite ones have no difference. */
function behind({ lag }: ClusterMember): number {
  return lag ?? Number.MAX_SAFE_INTEGER;
}

function compare(a: ClusterMember, b: ClusterMember): number {
  return a.name.localeCompare(b.name);
}
