import { z } from "zod";
import { locations } from "../hetzner/catalogue.ts";
import { describe, type Fault } from "./fault.ts";
import { wholeNumber } from "./fields.ts";
import type { Settings } from "./settings.ts";
import { authority, keys, objectStorageCities, place } from "./storage.ts";

/** A second place for all backups and the log: another region, or another provider. */

const optionalKeys = keys("backup.secondRepository");

export const secondRepository = z
  .strictObject({
    ...place,
    accessKey: optionalKeys.accessKey.optional(),
    secretKey: optionalKeys.secretKey.optional(),
    ...authority,
    retentionDays: wholeNumber(1, 3650, "(days)").optional(),
  })
  .optional();

/** Hetzner's endpoints carry their region in their names, and are reached with the same keys. */
export function hetznerRegion(endpoint: string): string | undefined {
  return /^https:\/\/([a-z0-9]+)\.your-objectstorage\.com$/.exec(endpoint)?.[1];
}

const path = "phasewise:backup.secondRepository";

type Rule = (given: { settings: Partial<Settings>; stack: string }) => Fault[];

/** A second place that is the first one keeps nothing. */
export const secondIsAnotherPlace: Rule = ({
  settings: { backup, cloud, location, objectStorage },
  stack,
}) => {
  const second = backup?.secondRepository;
  if (!second) return [];
  const city = objectStorageCities.find((name) => name !== location)!;
  const faults: Fault[] = [];
  if (cloud === "hetzner" && second.endpoint === undefined) {
    faults.push({
      path: `${path}.endpoint`,
      found: "nothing",
      allowed: "an S3 endpoint in another region, or of another provider",
      fix: `write https://${city}.your-objectstorage.com, which takes the same keys, or another provider's`,
    });
  }
  if (cloud === "hetzner" && second.bucket === undefined) {
    faults.push({
      path: `${path}.bucket`,
      found: "nothing",
      allowed: "3 to 63 small letters, digits and hyphens, different from all buckets that others have there",
      fix: "choose a name, as acme-production-backups-2",
    });
  }
  const own = objectStorage?.endpoint ?? (location && `https://${location}.your-objectstorage.com`);
  const first = objectStorage?.bucket ?? `phasewise-${stack}-backups`;
  if (second.bucket === first && (second.endpoint ?? own) === own) {
    faults.push({
      path: `${path}.bucket`,
      found: `${describe(second.bucket)}, which is the first repository`,
      allowed: "another bucket, best at another endpoint",
      fix: `choose another name, as ${first}-2`,
    });
  }
  return faults;
};

/** Both keys or none, and a region wherever the endpoint's name does not tell it. */
export const secondIsWhole: Rule = ({ settings: { backup } }) => {
  const { accessKey, endpoint, region, secretKey } = backup?.secondRepository ?? {};
  const faults: Fault[] = [];
  if ((accessKey === undefined) !== (secretKey === undefined)) {
    const missing = accessKey === undefined ? "accessKey" : "secretKey";
    faults.push({
      path: `${path}.${missing}`,
      found: "nothing, but the other key",
      allowed: "both keys, or none: then those of objectStorage are used",
      fix: `npx pulumi config set --secret --path ${path}.${missing} (it asks for the value)`,
    });
  }
  if (endpoint !== undefined && region === undefined && hetznerRegion(endpoint) === undefined) {
    faults.push({
      path: `${path}.region`,
      found: "nothing",
      allowed: `a region's name; only that of Hetzner's endpoints (${Object.keys(locations).slice(0, 3).join(", ")}) is known by itself`,
      fix: "write the name of the bucket's region, as its provider calls it",
    });
  }
  return faults;
};
