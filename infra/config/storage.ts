import { z } from "zod";
import { locationNames, locations } from "../hetzner/catalogue.ts";
import { expectingSecret } from "./expectation.ts";
import { text } from "./fields.ts";

/** Locations in which Hetzner has an object storage. */
export const objectStorageCities = locationNames.filter((name) => locations[name].objectStorage);

/** What may stand in a line of configuration on a machine without being taken apart. */
function credential(path: string) {
  return expectingSecret(
    z.string().regex(/^[A-Za-z0-9._~+/=-]+$/),
    "letters, digits and . _ ~ + / = -, as object storages make them",
    `npx pulumi config set --secret --path phasewise:${path} (it asks for the value)`,
  );
}

/** Who may use an object storage. @param section Of the settings, for what is said of a wrong one. */
export function keys(section: string) {
  return { accessKey: credential(`${section}.accessKey`), secretKey: credential(`${section}.secretKey`) };
}

/** Where a bucket is. */
export const place = {
  endpoint: text(/^https:\/\/[^\s/?#@]+$/, "an address that starts with https://, without a path", (found) =>
    typeof found === "string" && found.startsWith("http://")
      ? "use https: backups never travel in clear"
      : `write it as https://${objectStorageCities[0]}.your-objectstorage.com`,
  ).optional(),
  region: text(
    /^[a-z0-9][a-z0-9-]*$/,
    "a region's name, as fsn1",
    "write the name of the bucket's region",
  ).optional(),
  bucket: text(
    /^(?=.{3,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])$/,
    "3 to 63 small letters, digits and hyphens",
    "choose a name, as acme-production-backups",
  ).optional(),
};

/** Whom its certificate comes from. */
export const authority = {
  caCertificate: text(
    /^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n?$/,
    "a certificate in PEM form",
    "write the PEM text of the authority's certificate as a block (caCertificate: |)",
  ).optional(),
};
