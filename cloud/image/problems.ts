import { Problem } from "../../toolchain/problem.ts";

/**
 * What went wrong with a build, for people.
 * @param output Everything that the builder said.
 * @param log Where that is kept.
 */
export function buildProblem(output: string, log: string): Problem {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) => /^(E:|W: Failed|Err:|dpkg: error)|No space left/.test(line));
  const details = (errors.length > 0 ? errors : lines).slice(-6);
  const known = causes.find(({ pattern }) => pattern.test(output));
  return new Problem({
    happened: known ? known.happened(output) : "The machine image could not be built.",
    left: "Nothing of the unfinished image was kept; no machine was changed.",
    todo: [...(known ? known.todo : []), `All that the builder said is in ${log}.`],
    details,
  });
}

interface Cause {
  pattern: RegExp;
  happened(output: string): string;
  todo: string[];
}

const causes: Cause[] = [
  {
    pattern: /No space left on device/,
    happened: () => "The disk was full before the machine image was built.",
    todo: [
      "Free some room, or put the cache on another disk: PHASEWISE_CACHE=/path/on/another/disk. Then run the command again.",
    ],
  },
  {
    pattern: /Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate/,
    happened: (output) => {
      const match = /Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate/.exec(
        output,
      );
      return `The machine image could not be built: Debian 13 has no package named ${match?.[1] ?? match?.[2]}.`;
    },
    todo: ["Correct the list of packages for the image."],
  },
  {
    pattern:
      /Could not resolve|Temporary failure resolving|Could not connect|Connection (refused|timed out)|Failed to fetch|Unable to connect/,
    happened: () =>
      "The machine image could not be built: Debian's mirror http://deb.debian.org/debian can't be reached.",
    todo: [
      "Check the network. Behind a proxy, tell apt of it (Acquire::http::Proxy in /etc/apt/apt.conf.d/) or set http_proxy. Then run the command again.",
    ],
  },
];
