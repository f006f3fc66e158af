import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { BucketClient, Contents } from "../../clients/s3/bucket.ts";
import { propertyDiff } from "../server/diff.ts";
import { type Properties, type ResourceType, Secret, UNKNOWN } from "../server/resource.ts";
import { unwrapProperties } from "../server/values.ts";
import { checked } from "./checked.ts";

/** Keys that are named when a bucket is not empty. */
const namedKeys = 3;

const schema = z.strictObject({
  bucket: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
      "must have 3 to 63 lower-case letters, digits and hyphens, with a letter or digit at either end",
    ),
  endpoint: z.string().regex(/^https:\/\/[^/\s]+$/, "must be https://<host>[:<port>], without a path"),
  region: z.string().min(1, "must not be empty"),
  accessKey: z.string().min(1, "must not be empty"),
  secretKey: z.string().min(1, "must not be empty"),
  caCertificate: z
    .string()
    .startsWith("-----BEGIN CERTIFICATE-----", "must be a certificate in PEM")
    .optional(),
  forceDestroy: z.boolean("must be true or false").default(false),
});

type Inputs = z.infer<typeof schema>;

/**
 * A bucket of an object storage that speaks S3. Its id is `<bucket>@<endpoint>`.
 *
 * Another endpoint is an update, never a replacement: it may be a new address of the same storage, and the delete
 * of a replacement would then hit the very bucket that was kept. The update insists that the bucket is there.
 */
export const bucket: ResourceType = {
  token: "phasewise-native:index:Bucket",

  async check(_ctx, { news }) {
    const endpoint = typeof news.endpoint === "string" ? news.endpoint.replace(/\/+$/, "") : news.endpoint;
    return checked(schema, { ...news, endpoint }, ["accessKey", "secretKey"]);
  },

  async diff(_ctx, { oldInputs, newInputs }) {
    return propertyDiff({ olds: oldInputs, news: newInputs, forcesReplacement: (path) => path === "bucket" });
  },

  async create(ctx, { inputs, preview }) {
    if (preview) return { id: "", outputs: known(inputs) };
    const wanted = schema.parse(unwrapProperties(inputs));
    const made = await withBucket(wanted, (client) => client.ensure());
    if (made === "adopted") {
      ctx.log(
        "info",
        `The bucket ${wanted.bucket} was there already and is ours: it was taken over as it is.`,
      );
    }
    return { id: `${wanted.bucket}@${wanted.endpoint}`, outputs: known(inputs) };
  },

  async update(_ctx, { newInputs, preview }) {
    if (preview) return { outputs: known(newInputs) };
    const wanted = schema.parse(unwrapProperties(newInputs));
    if (!(await withBucket(wanted, (client) => client.exists()))) {
      throw new Error(
        `There is no bucket ${wanted.bucket} at ${wanted.endpoint}. Nothing was changed. If it was deleted there, ` +
          "refresh the stack and it is made anew; to have it at another object storage, give it another name, so " +
          "that this one stays until its contents are copied.",
      );
    }
    return { outputs: known(newInputs) };
  },

  async read(_ctx, { id, inputs, outputs }) {
    const found = inputs ?? (await importedInputs(id));
    const exists = await withBucket(schema.parse(unwrapProperties(found)), (client) => client.exists());
    return exists ? { id, inputs: found, outputs: outputs ?? known(found) } : null;
  },

  async delete(ctx, { inputs }) {
    const old = schema.parse(unwrapProperties(inputs));
    await withBucket(old, async (client) => {
      if (!(await client.exists())) return;
      const contents = await client.contents(namedKeys);
      if (contents.keys.length > 0 || contents.uploads > 0) {
        if (!old.forceDestroy) throw new Error(notEmpty(old, contents));
        await client.empty(ctx.signal, (count) => ctx.status(`${count} objects deleted`));
      }
      await client.delete();
    });
  },
};

/** Inputs are outputs as well; the keys stay inputs. */
function known(inputs: Properties): Properties {
  const { bucket = UNKNOWN, endpoint = UNKNOWN, region = UNKNOWN } = inputs;
  return { bucket, endpoint, region };
}

async function withBucket<T>(inputs: Inputs, use: (client: BucketClient) => Promise<T>): Promise<T> {
  const { BucketClient } = await import("../../clients/s3/bucket.ts");
  const client = new BucketClient(inputs, inputs.bucket);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function notEmpty({ bucket, endpoint }: Inputs, { keys, more, uploads }: Contents): string {
  const listed = keys.length === 0 ? "" : `${keys.join(", ")}${more ? " and more" : ""}`;
  const unfinished = uploads === 0 ? "" : `${uploads} unfinished upload${uploads === 1 ? "" : "s"}`;
  return (
    `The bucket ${bucket} at ${endpoint} is not empty: it holds ${[listed, unfinished].filter(Boolean).join(", and ")}. ` +
    "Nothing was deleted. Empty it yourself, or set forceDestroy to true, update the stack and delete it again: " +
    "all that is in it is lost then."
  );
}

/** An import knows the id alone: region and keys come from the environment, as for other S3 tools. */
async function importedInputs(id: string): Promise<Properties> {
  const [, name, endpoint] = /^([^@]+)@(https:\/\/[^/]+)$/.exec(id) ?? [];
  if (name === undefined || endpoint === undefined) {
    throw new Error(
      `A Bucket is imported by <bucket>@<endpoint>, as backups@https://fsn1.your-objectstorage.com; "${id}" is none. ` +
        "Nothing was changed.",
    );
  }
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_CA_BUNDLE } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY || !AWS_REGION) {
    throw new Error(
      `The import of the bucket ${name} needs its keys: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION ` +
        "(and AWS_CA_BUNDLE, the file of an authority to trust, where the endpoint has one of its own). " +
        "Nothing was changed.",
    );
  }
  return {
    bucket: name,
    endpoint,
    region: AWS_REGION,
    accessKey: new Secret(AWS_ACCESS_KEY_ID),
    secretKey: new Secret(AWS_SECRET_ACCESS_KEY),
    ...(AWS_CA_BUNDLE ? { caCertificate: await readFile(AWS_CA_BUNDLE, "utf8") } : {}),
    forceDestroy: false,
  };
}
