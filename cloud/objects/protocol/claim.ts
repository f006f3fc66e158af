import { S3Error } from "./errors.ts";
import { queryValue, type RequestHead } from "./request.ts";
import { algorithm, type Claim } from "./signature.ts";

/** A client's clock may differ from ours by this much, as at S3. */
const maximalSkew = 15 * 60_000;
/** The longest life of a presigned URL in seconds, as at S3: 7 days. */
const maximalExpiry = 7 * 24 * 3600;
export const unsignedPayload = "UNSIGNED-PAYLOAD";

/**
 * Reads what a request says about its signature, in its Authorization header or, for a presigned URL, its query.
 * @throws S3Error when it is not signed, malformed, too old, or leaves out what must be signed.
 */
export function readClaim(head: RequestHead, now: Date): Claim {
  const header = head.headers.authorization;
  const presigned = queryValue(head, "X-Amz-Algorithm") !== undefined;
  if (header !== undefined && presigned) {
    throw new S3Error("InvalidArgument", "Only one auth mechanism allowed.", {
      ArgumentName: "Authorization",
    });
  }
  if (header === undefined && !presigned) {
    if (queryValue(head, "Signature") !== undefined) throw oldSignature();
    throw new S3Error(
      "AccessDenied",
      "Anonymous requests are not allowed: sign the request with an access key.",
    );
  }
  const claim = presigned ? queryClaim(head, now) : headerClaim(head, header!, now);
  if (
    head.headers["x-amz-security-token"] !== undefined ||
    queryValue(head, "X-Amz-Security-Token") !== undefined
  ) {
    throw new S3Error(
      "InvalidToken",
      "The provided token is malformed or otherwise invalid: no session tokens here.",
    );
  }
  requireSigned(head, claim);
  return claim;
}

function headerClaim(head: RequestHead, header: string, now: Date): Claim {
  if (!header.startsWith(`${algorithm} `)) throw oldSignature();
  const fields = new Map(
    header
      .slice(algorithm.length)
      .split(",")
      .map((field) => {
        const [name, ...value] = field.trim().split("=");
        return [name, value.join("=")];
      }),
  );
  const credential = parseCredential(fields.get("Credential"));
  const signedHeaders = fields.get("SignedHeaders");
  const signature = fields.get("Signature");
  if (credential === null || !signedHeaders || !isSignature(signature)) {
    throw new S3Error(
      "AuthorizationHeaderMalformed",
      "The authorization header that you provided is not valid: it must have Credential=<access key>/<YYYYMMDD>/" +
        "<region>/s3/aws4_request, SignedHeaders and Signature.",
    );
  }
  const time = head.headers["x-amz-date"] ?? "";
  const sent = parseTime(time);
  if (sent === null || !time.startsWith(credential.date)) {
    throw new S3Error(
      "AccessDenied",
      "AWS authentication requires a valid x-amz-date header of the same day as the credential.",
    );
  }
  if (Math.abs(sent - now.getTime()) > maximalSkew) throw skewed(time, now);
  const payload = head.headers["x-amz-content-sha256"];
  if (payload === undefined) {
    throw new S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  return { ...credential, signedHeaders: signedHeaders.split(";"), signature, time, payload };
}

function queryClaim(head: RequestHead, now: Date): Claim {
  const wrong = (reason: string) => new S3Error("AuthorizationQueryParametersError", reason);
  if (queryValue(head, "X-Amz-Algorithm") !== algorithm) throw oldSignature();
  const credential = parseCredential(queryValue(head, "X-Amz-Credential"));
  if (credential === null) {
    throw wrong(
      "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting " +
        '"<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request".',
    );
  }
  const signedHeaders = queryValue(head, "X-Amz-SignedHeaders");
  const signature = queryValue(head, "X-Amz-Signature");
  if (!signedHeaders || !isSignature(signature)) {
    throw wrong("Query-string authentication requires X-Amz-SignedHeaders and a valid X-Amz-Signature.");
  }
  const time = queryValue(head, "X-Amz-Date") ?? "";
  const sent = parseTime(time);
  if (sent === null || !time.startsWith(credential.date)) {
    throw wrong(
      "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\", on the credential's day.",
    );
  }
  const expires = queryValue(head, "X-Amz-Expires") ?? "";
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > maximalExpiry) {
    throw wrong(`X-Amz-Expires must be a number of seconds between 1 and ${maximalExpiry}.`);
  }
  if (sent - now.getTime() > maximalSkew) throw skewed(time, now);
  const end = sent + Number(expires) * 1000;
  if (now.getTime() > end) {
    throw new S3Error("AccessDenied", "Request has expired", {
      Expires: new Date(end).toISOString(),
      ServerTime: now.toISOString(),
    });
  }
  const payload =
    head.headers["x-amz-content-sha256"] ?? queryValue(head, "X-Amz-Content-Sha256") ?? unsignedPayload;
  return { ...credential, signedHeaders: signedHeaders.split(";"), signature, time, payload };
}

/** Host and every x-amz-* header have to be signed, or somebody on the way could have added them. */
function requireSigned(head: RequestHead, claim: Claim): void {
  const signed = new Set(claim.signedHeaders);
  const unsigned = Object.keys(head.headers).filter(
    (name) => (name === "host" || name.startsWith("x-amz-")) && !signed.has(name),
  );
  if (unsigned.length === 0) return;
  throw new S3Error("AccessDenied", "There were headers present in the request which were not signed", {
    HeadersNotSigned: unsigned.join(", "),
  });
}

function parseCredential(text = ""): { accessKey: string; date: string; region: string } | null {
  const match = /^([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request$/.exec(text);
  return match === null ? null : { accessKey: match[1]!, date: match[2]!, region: match[3]! };
}

function isSignature(text: string | undefined): text is string {
  return text !== undefined && /^[0-9a-f]{64}$/.test(text);
}

/** Milliseconds since 1970 of a time as 20261121T063100Z, null where it is none. */
function parseTime(text: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? null : time;
}

function skewed(time: string, now: Date): S3Error {
  return new S3Error(
    "RequestTimeTooSkewed",
    "The difference between the request time and the current time is too large.",
    { RequestTime: time, ServerTime: now.toISOString(), MaxAllowedSkewMilliseconds: String(maximalSkew) },
  );
}

function oldSignature(): S3Error {
  return new S3Error(
    "InvalidRequest",
    `The authorization mechanism you have provided is not supported. Please use ${algorithm}.`,
  );
}
