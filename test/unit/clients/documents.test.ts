import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { Documents } from "../../../clients/s3/documents.ts";

test("a request that is not answered ends when it is closed", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const documents = new Documents({ endpoint, region: "fsn1", accessKey: "a", secretKey: "b" }, "bucket");
  try {
    const answers = [documents.getText("key"), documents.entries("folder/"), documents.put("key", 1)];
    const ends = Promise.allSettled(answers);
    await once(silent, "request");
    documents[Symbol.dispose]();
    expect((await ends).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});
