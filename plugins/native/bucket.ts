import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { BucketClient, Contents } from "../../clients/s3/bucket.ts";
import { type Policy, sortedRules } from "../../clients/s3/policy.ts";
import { propertyDiff } from "../server/diff.ts";
import { type Properties, type ResourceType, Secret, UNKNOWN } from "../server/resource.ts";
import { unwrapProperties } from "../server/values.ts";
import { checked } from "./checked.ts";

/** Keys that are named when a bucket is not empty. */
const namedKeys = 3;

const days = z.int("must be a whole number of days").min(1, "must be 1 day or more");

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
  keepOnDelete: z.boolean("must be true or false").optional(),
  versioning: z.boolean("must be true or false").optional(),
  lifecycle: z
    .array(
      z.strictObject({
        id: z.string().min(1, "must not be empty"),
        prefix: z.string().min(1, "must not be empty").optional(),
        expirationDays: days.optional(),
        noncurrentDays: days.optional(),
        abortDays: days.optional(),
        removeMarkers: z.literal(true, "must be true or left out").optional(),
        // Only ever read: what somebody else's rule has besides.
        other: z.string().optional(),
      }),
    )
    .optional(),
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
    return checked(schema, { ...news, endpoint, lifecycle: sorted(news.lifecycle) }, [
      "accessKey",
      "secretKey",
    ]);
  },

  async diff(_ctx, { oldInputs, newInputs }) {
    return propertyDiff({ olds: oldInputs, news: newInputs, forcesReplacement: (path) => path === "bucket" });
  },

  async create(ctx, { inputs, preview }) {
    if (preview) {
      if (isKnown(inputs)) await withBucket(parsed(inputs), (client) => client.probe());
      return { id: "", outputs: known(inputs) };
    }
    const wanted = parsed(inputs);
    await withBucket(wanted, async (client) => {
      if ((await client.ensure()) === "adopted") {
        ctx.log("info", `The bucket ${wanted.bucket} was there already, empty and ours: it was taken over.`);
      }
      await client.setPolicy(policyOf(wanted));
    });
    return { id: `${wanted.bucket}@${wanted.endpoint}`, outputs: known(inputs) };
  },

  async update(_ctx, { newInputs, preview }) {
    if (!preview || isKnown(newInputs)) {
      const wanted = parsed(newInputs);
      await withBucket(wanted, async (client) => {
        if (!(await client.exists())) throw new Error(missing(wanted));
        if (!preview) await client.setPolicy(policyOf(wanted));
      });
    }
    return { outputs: known(newInputs) };
  },

  async read(_ctx, { id, inputs, outputs }) {
    const found = inputs ?? (await importedInputs(id));
    const wanted = parsed(found);
    return await withBucket(wanted, async (client) => {
      if (!(await client.exists())) return null;
      const { lifecycle, versioning } = await client.policy();
      // What the stack does not ask for is not looked at either.
      const actual = {
        ...(wanted.versioning === undefined ? {} : { versioning }),
        ...(wanted.lifecycle === undefined ? {} : { lifecycle: lifecycle as unknown as Properties[] }),
      };
      return { id, inputs: { ...found, ...actual }, outputs: outputs ?? known(found) };
    });
  },

  async delete(ctx, { inputs }) {
    const old = parsed(inputs);
    if (old.keepOnDelete) {
      ctx.log(
        "info",
        `The bucket ${old.bucket} at ${old.endpoint} was kept, with all that is in it; the stack forgets it.`,
      );
      return;
    }
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

/** By id, as they are read back; what is no list of rules is judged elsewhere. */
function sorted(rules: unknown): unknown {
  const fine = Array.isArray(rules) && rules.every((rule) => typeof rule?.id === "string");
  return fine ? sortedRules(rules) : rules;
}

function parsed(inputs: Properties): Inputs {
  return schema.parse(unwrapProperties(inputs));
}

/** Whether a preview knows enough to ask the object storage. */
function isKnown(inputs: Properties): boolean {
  const values = Object.values(unwrapProperties(inputs));
  return !values.includes(UNKNOWN);
}

function policyOf({ lifecycle, versioning }: Inputs): Partial<Policy> {
  return {
    ...(versioning === undefined ? {} : { versioning }),
    ...(lifecycle === undefined ? {} : { lifecycle }),
  };
}

function missing({ bucket, endpoint }: Inputs): string {
  return (
    `There is no bucket ${bucket} at ${endpoint}. Nothing was changed. If it was deleted there, ` +
    "refresh the stack and it is made anew; to have it at another object storage, give it another name, so " +
    "that this one stays until its contents are copied."
  );
}

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
