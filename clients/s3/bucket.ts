import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ObjectIdentifier,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type S3Target, s3Client } from "../s3.ts";
import { codeOf, explain, notOurs, S3Problem } from "./explain.ts";
import { type Policy, readPolicy, writePolicy } from "./policy.ts";

/** What is in a bucket, as far as it was looked at. */
export interface Contents {
  /** The first keys, also those of which only older versions are left. */
  keys: string[];
  /** Whether there are more objects or versions than those of `keys`. */
  more: boolean;
  /** Multipart uploads that were not completed. */
  uploads: number;
}

/**
 * One bucket. Errors are `S3Problem`s, told to people.
 */
export class BucketClient {
  readonly name: string;
  readonly #target: S3Target;
  readonly #client: S3Client;

  constructor(target: S3Target, name: string) {
    this.name = name;
    this.#target = target;
    this.#client = s3Client(target);
  }

  /**
   * Makes the bucket, or takes over one of ours that is there and empty, as after a create whose answer was lost.
   * @throws S3Problem BucketNotEmpty: whose content it is, is not known.
   */
  async ensure(): Promise<"created" | "adopted"> {
    return await this.#explained(async () => {
      if (await this.#exists()) {
        await this.#requireEmpty();
        return "adopted";
      }
      try {
        await this.#client.send(new CreateBucketCommand({ Bucket: this.name }));
        return "created";
      } catch (error) {
        // Made meanwhile, by us: the answer to an earlier try was lost.
        if (codeOf(error) === "BucketAlreadyOwnedByYou") return "adopted";
        throw error;
      }
    });
  }

  /** @throws S3Problem AccessDenied when it belongs to somebody else. */
  async exists(): Promise<boolean> {
    return await this.#explained(() => this.#exists());
  }

  /**
   * What `ensure` would find, without making anything: "missing" or "empty".
   * @throws S3Problem as `ensure`.
   */
  async probe(): Promise<"missing" | "empty"> {
    return await this.#explained(async () => {
      if (!(await this.#exists())) return "missing";
      await this.#requireEmpty();
      return "empty";
    });
  }

  /** Whether versions are kept, and the rules for old ones. */
  async policy(): Promise<Policy> {
    return await this.#explained(() => readPolicy(this.#client, this.name));
  }

  /** Brings about what is given and differs from what is there. @returns whether something was changed. */
  async setPolicy(wanted: Partial<Policy>): Promise<boolean> {
    return await this.#explained(() => writePolicy(this.#client, this.name, wanted));
  }

  /** The first keys of `limit` objects and versions, and the number of unfinished uploads (of the first 1,000). */
  async contents(limit: number): Promise<Contents> {
    return await this.#explained(() => this.#contents(limit));
  }

  /**
   * Deletes all objects with all their versions, and all unfinished uploads, page by page.
   * @param onProgress gets the number of objects and versions deleted so far
   */
  async empty(signal: AbortSignal, onProgress: (deleted: number) => void): Promise<void> {
    await this.#explained(async () => {
      let deleted = 0;
      for await (const page of this.#versions(signal)) {
        await this.#deletePage(page);
        deleted += page.length;
        onProgress(deleted);
      }
      await this.#abortUploads(signal);
    });
  }

  /** Deleting a bucket that is gone succeeds. */
  async delete(): Promise<void> {
    await this.#explained(async () => {
      try {
        await this.#client.send(new DeleteBucketCommand({ Bucket: this.name }));
      } catch (error) {
        if (codeOf(error) !== "NoSuchBucket") throw error;
      }
    });
  }

  close(): void {
    this.#client.destroy();
  }

  async #contents(limit: number): Promise<Contents> {
    const { objects, more } = await this.#versionPage(limit);
    const uploads = await this.#client.send(new ListMultipartUploadsCommand({ Bucket: this.name }));
    const keys = [...new Set(objects.map(({ Key }) => Key!))].sort();
    return { keys, more, uploads: uploads.Uploads?.length ?? 0 };
  }

  async #requireEmpty(): Promise<void> {
    const { keys, more } = await this.#contents(3);
    if (keys.length === 0) return;
    const place = { target: this.#target, bucket: this.name };
    throw notOurs(place, `${keys.join(", ")}${more ? " and more" : ""}`);
  }

  async #exists(): Promise<boolean> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.name }));
      return true;
    } catch (error) {
      if (codeOf(error) === "NotFound" || codeOf(error) === "NoSuchBucket") return false;
      if (codeOf(error) === "AccessDenied") throw await this.#whyDenied(error);
      throw error;
    }
  }

  /** HEAD says only that it is forbidden; a listing says whether the keys or the bucket are the reason. */
  async #whyDenied(error: unknown): Promise<unknown> {
    try {
      await this.#client.send(new ListObjectsV2Command({ Bucket: this.name, MaxKeys: 1 }));
    } catch (reason) {
      return reason;
    }
    return error;
  }

  /** Page by page from the start, since each page is deleted before the next is asked for. */
  async *#versions(signal: AbortSignal): AsyncGenerator<ObjectIdentifier[]> {
    for (;;) {
      signal.throwIfAborted();
      const { objects } = await this.#versionPage();
      if (objects.length === 0) return;
      yield objects;
    }
  }

  /** Not every endpoint lists versions; one that does not keeps none. */
  async #versionPage(limit?: number): Promise<{ objects: ObjectIdentifier[]; more: boolean }> {
    const asked = { Bucket: this.name, MaxKeys: limit };
    try {
      const page = await this.#client.send(new ListObjectVersionsCommand(asked));
      const objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      return {
        objects: objects.map(({ Key, VersionId }) => ({ Key, VersionId })),
        more: page.IsTruncated === true,
      };
    } catch (error) {
      if (codeOf(error) !== "NotImplemented") throw error;
      const page = await this.#client.send(new ListObjectsV2Command(asked));
      return {
        objects: (page.Contents ?? []).map(({ Key }) => ({ Key })),
        more: page.IsTruncated === true,
      };
    }
  }

  async #deletePage(objects: ObjectIdentifier[]): Promise<void> {
    const { Errors } = await this.#client.send(
      new DeleteObjectsCommand({ Bucket: this.name, Delete: { Objects: objects, Quiet: true } }),
    );
    const first = Errors?.[0];
    if (first === undefined) return;
    throw new S3Problem(
      first.Code ?? "",
      `${Errors!.length} of ${objects.length} objects of the bucket ${this.name} could not be deleted, the first of ` +
        `them ${first.Key}: ${first.Code} ${first.Message ?? ""}`.trim(),
      first,
    );
  }

  async #abortUploads(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const { Uploads = [] } = await this.#client.send(
        new ListMultipartUploadsCommand({ Bucket: this.name }),
      );
      if (Uploads.length === 0) return;
      for (const { Key, UploadId } of Uploads) await this.#abortUpload(Key!, UploadId!);
    }
  }

  async #abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await this.#client.send(
        new AbortMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: uploadId }),
      );
    } catch (error) {
      if (codeOf(error) !== "NoSuchUpload") throw error;
    }
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw explain(error, { target: this.#target, bucket: this.name });
    }
  }
}
