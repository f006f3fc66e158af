import { createHmac, timingSafeEqual } from "node:crypto";
import { Sha256 } from "@aws-crypto/sha256-js";
import { createScope, getCanonicalHeaders, getSigningKey, SignatureV4Base } from "@smithy/signature-v4";
import { S3Error } from "./errors.ts";
import { canonicalPath, type RequestHead } from "./request.ts";

/** What a client says about itself and its signature. */
export interface Claim {
  accessKey: string;
  /** Of the credential scope: YYYYMMDD and the region that the client signs for. */
  date: string;
  region: string;
  /** Lower-case names of the headers that are signed. */
  signedHeaders: string[];
  /** 64 lower-case hexadecimal digits. */
  signature: string;
  /** As YYYYMMDDTHHMMSSZ. */
  time: string;
  /** What stands for the body in what is signed: its SHA-256 in hexadecimal, or a name as UNSIGNED-PAYLOAD. */
  payload: string;
}

/** Signs chunks and trailers of a body; each signature builds on the one before, the first on the request's. */
export interface ChunkSigner {
  /** @param kind AWS4-HMAC-SHA256-PAYLOAD or -TRAILER; `texts` are the last lines of the string to sign. */
  sign(kind: string, previous: string, texts: string[]): string;
  /** The signature of the request itself. */
  first: string;
}

export const algorithm = "AWS4-HMAC-SHA256";

/**
 * Checks that the claim's signature is that of this request under `secretKey`.
 * @throws S3Error SignatureDoesNotMatch, with what was signed here, so that a client's author can compare.
 */
export async function verifySignature(
  head: RequestHead,
  claim: Claim,
  secretKey: string,
): Promise<ChunkSigner> {
  const { canonical, stringToSign } = await signer.texts(head, claim);
  const credentials = { accessKeyId: claim.accessKey, secretAccessKey: secretKey };
  const key = await getSigningKey(Sha256, credentials, claim.date, claim.region, "s3");
  const hmac = (text: string) => createHmac("sha256", key).update(text).digest();
  const given = Buffer.from(claim.signature, "hex");
  const expected = hmac(stringToSign);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new S3Error(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your key and signing " +
        "method.",
      {
        AWSAccessKeyId: claim.accessKey,
        StringToSign: stringToSign,
        SignatureProvided: claim.signature,
        CanonicalRequest: canonical,
      },
    );
  }
  const scope = createScope(claim.date, claim.region, "s3");
  return {
    first: claim.signature,
    sign: (kind, previous, texts) =>
      hmac([kind, claim.time, scope, previous, ...texts].join("\n")).toString("hex"),
  };
}

/** The SDK's own signer, asked for its intermediate texts instead of a signed request. */
class Signer extends SignatureV4Base {
  constructor() {
    const nobody = { accessKeyId: "", secretAccessKey: "" };
    super({ service: "s3", region: "", credentials: nobody, sha256: Sha256, uriEscapePath: false });
  }

  async texts(head: RequestHead, claim: Claim): Promise<{ canonical: string; stringToSign: string }> {
    const request = {
      method: head.method,
      protocol: "https:",
      hostname: "",
      path: canonicalPath(head.path),
      query: groupQuery(head.query),
      headers: Object.fromEntries(claim.signedHeaders.map((name) => [name, head.headers[name] ?? ""])),
    };
    const headers = getCanonicalHeaders(request, undefined, new Set(claim.signedHeaders));
    const canonical = this.createCanonicalRequest(request, headers, claim.payload);
    const scope = createScope(claim.date, claim.region, "s3");
    return {
      canonical,
      stringToSign: await this.createStringToSign(claim.time, scope, canonical, algorithm),
    };
  }
}

const signer = new Signer();

function groupQuery(query: [string, string][]): Record<string, string | string[]> {
  const groups = Map.groupBy(query, ([name]) => name);
  return Object.fromEntries(
    [...groups].map(([name, pairs]) => [
      name,
      pairs.length === 1 ? pairs[0]![1] : pairs.map(([, value]) => value),
    ]),
  );
}
