import { writeFile } from "node:fs/promises";
import { type ObjectStorageAccess, startObjectStorage } from "../../../cloud/objects/server.ts";

/**
 * An object storage as a process of its own, for tests that kill it: `node process.ts <directory> <port>`.
 * It prints what is needed to use it.
 */
const [directory, port] = process.argv.slice(2) as [string, string];
const storage = await startObjectStorage({
  directory,
  addresses: ["127.0.0.1"],
  port: Number(port),
  log: (line) => void process.stderr.write(`${line}\n`),
});
await writeFile(`${directory}/ca.crt`, storage.caCertificate);
const { accessKey, secretKey, caCertificate, endpoint, region } = storage;
export type Announcement = ObjectStorageAccess & { endpoint: string; region: string };
const announcement: Announcement = { accessKey, secretKey, caCertificate, endpoint, region };
process.stdout.write(`${JSON.stringify(announcement)}\n`);
