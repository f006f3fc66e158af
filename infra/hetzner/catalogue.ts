/**
 * What Hetzner sells and where, so that a stack's file can be judged without asking anybody. The live truth is
 * `GET /v1/locations` and `GET /v1/server_types`: a type may be sold out although it stands here.
 */
export const catalogueDate = "2026-07-22";

export interface Location {
  /** Private networks never leave their zone. */
  networkZone: "eu-central" | "us-east" | "us-west" | "ap-southeast";
  /** Whether Hetzner's Object Storage is there. */
  objectStorage: boolean;
}

/** Every location, by name. Source: Hetzner's list of locations, and of Object Storage's locations. */
export const locations = {
  fsn1: { networkZone: "eu-central", objectStorage: true },
  nbg1: { networkZone: "eu-central", objectStorage: true },
  hel1: { networkZone: "eu-central", objectStorage: true },
  ash: { networkZone: "us-east", objectStorage: false },
  hil: { networkZone: "us-west", objectStorage: false },
  sin: { networkZone: "ap-southeast", objectStorage: false },
} as const satisfies Record<string, Location>;

export type LocationName = keyof typeof locations;

export const locationNames = Object.keys(locations) as LocationName[];

export interface ServerType {
  name: string;
  architecture: "x86" | "arm";
  cores: number;
  memoryGb: number;
  diskGb: number;
  /** Where new servers of this type can be ordered. */
  locations: readonly LocationName[];
}

const europe: LocationName[] = ["fsn1", "nbg1", "hel1"];
const unitedStates: LocationName[] = ["ash", "hil"];

/** A line of servers: name, cores, memory in GB, local disk in GB. */
function line(
  architecture: ServerType["architecture"],
  sold: LocationName[],
  rows: [name: string, cores: number, memoryGb: number, diskGb: number][],
): ServerType[] {
  return rows.map(([name, cores, memoryGb, diskGb]) => ({
    name,
    architecture,
    cores,
    memoryGb,
    diskGb,
    locations: sold,
  }));
}

/** Every server type that can be ordered somewhere; retired ones (cx22, and cpx21 in Europe) are not there. */
export const serverTypes: readonly ServerType[] = [
  ...line("x86", europe, [
    ["cx23", 2, 4, 40],
    ["cx33", 4, 8, 80],
    ["cx43", 8, 16, 160],
    ["cx53", 16, 32, 320],
  ]),
  ...line(
    "x86",
    [...europe, "sin"],
    [
      ["cpx12", 1, 2, 40],
      ["cpx22", 2, 4, 80],
      ["cpx32", 4, 8, 160],
      ["cpx42", 8, 16, 320],
      ["cpx52", 12, 24, 480],
      ["cpx62", 16, 32, 640],
    ],
  ),
  ...line("x86", unitedStates, [
    ["cpx11", 2, 2, 40],
    ["cpx21", 3, 4, 80],
    ["cpx31", 4, 8, 160],
    ["cpx41", 8, 16, 240],
    ["cpx51", 16, 32, 360],
  ]),
  ...line("arm", europe, [
    ["cax11", 2, 4, 40],
    ["cax21", 4, 8, 80],
    ["cax31", 8, 16, 160],
    ["cax41", 16, 32, 320],
  ]),
  ...line("x86", locationNames, [
    ["ccx13", 2, 8, 80],
    ["ccx23", 4, 16, 160],
    ["ccx33", 8, 32, 240],
    ["ccx43", 16, 64, 360],
    ["ccx53", 32, 128, 600],
    ["ccx63", 48, 192, 960],
  ]),
];

export function findServerType(name: string): ServerType | undefined {
  return serverTypes.find((type) => type.name === name);
}

/** Names of the types that can be ordered in a location, smallest memory first. */
export function soldIn(location: LocationName): string[] {
  return serverTypes
    .filter((type) => type.locations.includes(location))
    .sort((a, b) => a.memoryGb - b.memoryGb || a.cores - b.cores)
    .map((type) => type.name);
}

/** What to take instead of `wanted` in a location: as much memory or a little more, best of the same line and cores. */
export function nearestType(wanted: ServerType, location: LocationName): ServerType | undefined {
  const lineOf = (type: ServerType) => type.name.replace(/\d+$/, "");
  const rank = (type: ServerType) => [
    type.memoryGb,
    lineOf(type) === lineOf(wanted) ? 0 : 1,
    Math.abs(type.cores - wanted.cores),
  ];
  return serverTypes
    .filter((type) => type.locations.includes(location) && type.architecture === wanted.architecture)
    .filter((type) => type.memoryGb >= wanted.memoryGb)
    .sort((a, b) => {
      const [left, right] = [rank(a), rank(b)];
      const at = left.findIndex((value, index) => value !== right[index]);
      return at < 0 ? 0 : left[at]! - right[at]!;
    })[0];
}
