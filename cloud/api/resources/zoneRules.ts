import type { Cloud } from "../cloud.ts";
import { timestamp } from "../engine.ts";
import { invalidInput, notFound, notUnique } from "../errors.ts";
import { labels, means, optional, z } from "../input.ts";
import type { DnsRecord, RecordSet, Zone } from "../model.ts";
import { isRecordName, type RecordType, recordTypes, valueFault } from "../records.ts";

/** What zones and their record sets may be. */

export const ttl = z
  .int()
  .min(60, "Must be between 60 and 2147483647.")
  .max(2_147_483_647, "Must be between 60 and 2147483647.");
export const recordInput = z.object({
  value: z.string(),
  comment: optional(z.string().max(255, "Longer than maximum length 255.")),
});
export const recordsInput = z.array(recordInput).min(1, "Shorter than minimum length 1.");
export const recordSetInput = z.object({
  name: z.string().refine(isRecordName, "Must be @ or labels in lower case."),
  type: z.enum(recordTypes),
  ttl: optional(ttl),
  labels: optional(labels),
  records: recordsInput,
});

/** By its name or its id. @throws ApiError not_found */
export function zoneOf({ store }: Cloud, wanted = ""): Zone {
  const zone = store.all("zone").find((candidate) => means(candidate, wanted));
  if (!zone) throw notFound("zone", wanted);
  return zone;
}

export function recordSetsOf({ store }: Cloud, zone: Pick<Zone, "id">): RecordSet[] {
  return store.all("rrset").filter((set) => set.zone === zone.id);
}

/** The name server counts the serial up by itself. */
export function soaValue(serial: number): string {
  return `hydrogen.ns.hetzner.com. dns.hetzner.com. ${serial} 86400 10800 3600000 3600`;
}

/** @throws ApiError invalid_input for values that the type does not have, and for the same one twice. */
export function toRecords(type: RecordType, inputs: z.infer<typeof recordsInput>): DnsRecord[] {
  const faults = inputs.flatMap(({ value }, index) => {
    const twice = inputs.findIndex((other) => other.value === value) < index;
    const message = twice ? "Given more than once." : valueFault(type, value);
    return message === null ? [] : [{ name: `records.${index}.value`, messages: [message] }];
  });
  if (faults.length > 0) throw invalidInput(faults);
  return inputs.map(({ value, comment }) => ({ value, comment: comment ?? "" }));
}

/** A record set beside those that the zone has. @throws ApiError where it cannot be. */
export function toRecordSet(
  cloud: Cloud,
  zone: Zone,
  input: z.infer<typeof recordSetInput>,
  id: number,
): RecordSet {
  const { name, type } = input;
  const there = recordSetsOf(cloud, zone).filter((set) => set.name === name);
  if (there.some((set) => set.type === type)) throw notUnique("RRSet name and type", "name");
  if (there.length > 0 && (type === "CNAME" || there.some((set) => set.type === "CNAME"))) {
    throw invalidInput([{ name: "type", messages: ["A CNAME stands alone at its name."] }]);
  }
  return {
    id,
    zone: zone.id,
    name,
    type,
    ttl: input.ttl ?? null,
    labels: input.labels ?? {},
    protection: { change: false },
    records: toRecords(type, input.records),
    created: timestamp(),
  };
}
