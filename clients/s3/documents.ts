import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { type S3Target, s3Client } from "../s3.ts";
import { codeOf, explain } from "./explain.ts";

/** Small JSON documents in a bucket, by their keys. Errors are `S3Problem`s, told to people. To be closed. */
export class Documents {
  readonly #target: S3Target;
  readonly #bucket: string;
  readonly #client: S3Client;
  /** What nobody waits for any more must not hold the process until its last attempt has failed. */
  readonly #closed = new AbortController();

  constructor(target: S3Target, bucket: string) {
    this.#target = target;
    this.#bucket = bucket;
    this.#client = s3Client(target);
  }

  /** @param options.unlessThere refuses to take the place of what is there: "exists" is returned then. */
  async put(key: string, value: unknown, options: { unlessThere?: boolean } = {}): Promise<"put" | "exists"> {
    return await this.putText(key, `${JSON.stringify(value, null, 2)}\n`, "application/json", options);
  }

  async putText(
    key: string,
    text: string,
    type: string,
    options: { unlessThere?: boolean } = {},
  ): Promise<"put" | "exists"> {
    return await this.#explained(async () => {
      const condition = options.unlessThere === true ? { IfNoneMatch: "*" } : {};
      const object = { Bucket: this.#bucket, Key: key, Body: text, ContentType: type, ...condition };
      try {
        await this.#client.send(new PutObjectCommand(object), this.#options());
        return "put";
      } catch (error) {
        if (codeOf(error) === "PreconditionFailed") return "exists";
        throw error;
      }
    });
  }

  /** Null where there is none. */
  async get(key: string): Promise<unknown> {
    const text = await this.getText(key);
    return text === null ? null : JSON.parse(text);
  }

  /** Null where there is none. */
  async getText(key: string): Promise<string | null> {
    const bytes = await this.getBytes(key);
    return bytes === null ? null : Buffer.from(bytes).toString("utf8");
  }

  /** Null where there is none. */
  async getBytes(key: string): Promise<Uint8Array | null> {
    return await this.#explained(async () => {
      try {
        const { Body } = await this.#client.send(
          new GetObjectCommand({ Bucket: this.#bucket, Key: key }),
          this.#options(),
        );
        return await Body!.transformToByteArray();
      } catch (error) {
        if (codeOf(error) === "NoSuchKey" || codeOf(error) === "NotFound") return null;
        throw error;
      }
    });
  }

  /** All keys that begin so, in their order. */
  async keys(prefix: string): Promise<string[]> {
    return (await this.entries(prefix)).map(({ key }) => key);
  }

  /** The names of what lies in a folder one level down, without the folder's and without what they hold. */
  async folders(folder: string): Promise<string[]> {
    return await this.#explained(async () => {
      const names: string[] = [];
      for (let token: string | undefined; ; ) {
        const page = await this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: folder,
            Delimiter: "/",
            ContinuationToken: token,
          }),
          this.#options(),
        );
        for (const { Prefix } of page.CommonPrefixes ?? [])
          names.push(Prefix!.slice(folder.length).replace(/\/$/, ""));
        token = page.NextContinuationToken;
        if (token === undefined) return names;
      }
    });
  }

  /** What begins so, in the order of the keys. */
  async entries(prefix: string): Promise<{ key: string; bytes: number; modified: Date }[]> {
    return await this.#explained(async () => {
      const entries: { key: string; bytes: number; modified: Date }[] = [];
      for (let token: string | undefined; ; ) {
        const page = await this.#client.send(
          new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token }),
          this.#options(),
        );
        for (const { Key, LastModified, Size } of page.Contents ?? [])
          entries.push({ key: Key!, bytes: Size ?? 0, modified: LastModified ?? new Date(0) });
        token = page.NextContinuationToken;
        if (token === undefined) return entries;
      }
    });
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
    this.#client.destroy();
  }

  #options(): { abortSignal: AbortSignal } {
    return { abortSignal: this.#closed.signal };
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw explain(error, { target: this.#target, bucket: this.#bucket });
    }
  }
}
