import type { S3Target } from "../s3.ts";

/** A failure of the object storage, told to people. */
export class S3Problem extends Error {
  override name = "S3Problem";
  /** S3's or the connection's code, as NoSuchBucket or ECONNREFUSED. */
  readonly code: string;

  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Where a request went. */
export interface Place {
  target: Pick<S3Target, "endpoint" | "accessKey">;
  bucket: string;
}

/** Names that the SDK gives where the answer has no body that could hold a code, as those to HEAD. */
const nameless = new Set(["", "Error", "Unknown", "UnknownError", "Forbidden", "NotFound", "403", "404"]);
const byStatus: Record<number, string> = { 403: "AccessDenied", 404: "NotFound" };

/** S3's code of an error that the SDK throws, or that of the connection; "" where it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const {
    name = "",
    code,
    cause,
    $metadata,
  } = error as {
    name?: string;
    code?: unknown;
    cause?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  if (typeof code === "string") return code;
  if (!nameless.has(name)) return name;
  return byStatus[$metadata?.httpStatusCode ?? 0] ?? codeOf(cause);
}

type Sentence = (place: Place) => string;

const host = (place: Place) => place.target.endpoint.replace(/^https?:\/\//, "").replace(/\/$/, "");

const wrongKeys: Sentence = (place) =>
  `The object storage at ${host(place)} does not accept the access key ${place.target.accessKey} with its secret key. ` +
  "Check both: they belong together, and to the project that owns the bucket.";
const unreachable: Sentence = (place) =>
  `The object storage at ${host(place)} cannot be reached. Check the endpoint and the network to it.`;
const untrusted: Sentence = (place) =>
  `The certificate of the object storage at ${host(place)} is not trusted. ` +
  "If it has an authority of its own, give its certificate as caCertificate; if not, something stands in between.";

const sentences: Record<string, Sentence> = {
  InvalidAccessKeyId: wrongKeys,
  SignatureDoesNotMatch: wrongKeys,
  AccessDenied: (place) =>
    `The access key ${place.target.accessKey} may not use the bucket ${place.bucket} at ${host(place)}. ` +
    "The bucket belongs to somebody else (names are shared by all users of the storage): choose another name; or the " +
    "key has too few rights.",
  BucketAlreadyExists: (place) =>
    `The bucket name ${place.bucket} is taken by somebody else at ${host(place)} (names are shared by all its users). ` +
    "Choose another name.",
  NoSuchBucket: (place) => `There is no bucket ${place.bucket} at ${host(place)}.`,
  NotFound: (place) => `There is no bucket ${place.bucket} at ${host(place)}.`,
  InvalidBucketName: (place) =>
    `The object storage at ${host(place)} does not accept ${place.bucket} as a bucket's name.`,
  TooManyBuckets: (place) => `The project has as many buckets as ${host(place)} allows. Delete one first.`,
  RequestTimeTooSkewed: (place) =>
    `The clock of this machine differs by more than 15 minutes from that of ${host(place)}. Set it right.`,
  ECONNREFUSED: unreachable,
  ECONNRESET: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ETIMEDOUT: unreachable,
  TimeoutError: unreachable,
  ENOTFOUND: (place) => `There is no host ${host(place)}: the endpoint of the object storage is misspelt.`,
  EAI_AGAIN: (place) => `The name ${host(place)} cannot be looked up now. Check the network.`,
  CERT_HAS_EXPIRED: (place) => `The certificate of the object storage at ${host(place)} has expired.`,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: (place) =>
    `The certificate of the object storage at ${host(place)} is for another name or address.`,
  EPROTO: (place) => `What answers at ${host(place)} does not speak TLS: check the endpoint's port.`,
};

/** For a bucket that is there and holds something of which nothing is known. */
export function notOurs(place: Place, keys: string): S3Problem {
  return new S3Problem(
    "BucketNotEmpty",
    `The bucket ${place.bucket} at ${host(place)} is there already and is not empty: it holds ${keys}. It may be ` +
      "another stack's, or one that was kept when its stack was destroyed: it is not taken over, and nothing in it was " +
      "changed. Choose another name; or, where the state of its stack was lost, import it with pulumi import.",
    null,
  );
}

/** What happened, in a sentence for people; what was asked for and what was left as it was is the caller's to add. */
export function explain(error: unknown, place: Place): S3Problem {
  if (error instanceof S3Problem) return error;
  const code = codeOf(error);
  const sentence = sentences[code];
  if (sentence !== undefined) return new S3Problem(code, sentence(place), error);
  const message = error instanceof Error ? error.message : String(error);
  const named = code === "" ? message : `${code}: ${message}`;
  return new S3Problem(code, `The object storage at ${host(place)} answered with an error: ${named}`, error);
}
