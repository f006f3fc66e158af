/** A rule about old objects and uploads, whose keys begin with `prefix`. Times are in whole days. */
export interface Rule {
  id: string;
  enabled: boolean;
  /** Empty: all keys. */
  prefix: string;
  /** Current versions go so many days after they were made; where versions are kept, a delete marker comes. */
  expirationDays?: number;
  /** The same from a day on, in milliseconds since 1970. */
  expirationDate?: number;
  /** Delete markers behind which no version is left go. */
  removeMarkers?: boolean;
  /** Versions go so many days after a newer one came. */
  noncurrentDays?: number;
  /** Multipart uploads go so many days after they were begun. */
  abortDays?: number;
}

/** What the rules look at of a version. */
export interface VersionFacts {
  id: number;
  marker: boolean;
  /** Milliseconds since 1970. */
  modified: number;
}

/** What is to be done with the versions of a key: nothing, where `remove` is empty and `hide` false. */
export interface Expiry {
  /** The current version expires: a delete without a version. */
  hide: boolean;
  /** Ids of versions that go for good. */
  remove: number[];
}

const day = 24 * 3600_000;

/** As at S3: whole days after the event, and then the next midnight UTC. */
export function isDue(since: number, days: number, now: number): boolean {
  return now >= Math.ceil((since + days * day) / day) * day;
}

/**
 * What the rules want of one key.
 * @param versions the newest first; where versions were never kept, the only one
 */
export function expiryOf(rules: readonly Rule[], key: string, versions: VersionFacts[], now: number): Expiry {
  const mine = rules.filter((rule) => rule.enabled && key.startsWith(rule.prefix));
  const [current, ...older] = versions;
  if (current === undefined || mine.length === 0) return { hide: false, remove: [] };
  const remove = older.filter((_, index) => {
    // It ceased to be current when the one that is next to it came.
    const since = versions[index]!.modified;
    return mine.some(
      ({ noncurrentDays }) => noncurrentDays !== undefined && isDue(since, noncurrentDays, now),
    );
  });
  const expires = mine.some((rule) => isExpired(rule, current.modified, now));
  const alone = remove.length === older.length;
  if (!current.marker) return { hide: expires, remove: remove.map(({ id }) => id) };
  const cleared = alone && (expires || mine.some(({ removeMarkers }) => removeMarkers === true));
  return { hide: false, remove: [...remove, ...(cleared ? [current] : [])].map(({ id }) => id) };
}

/** Whether the rules give up an upload that nobody completed. */
export function isAbandoned(
  rules: readonly Rule[],
  upload: { key: string; started: number },
  now: number,
): boolean {
  return rules.some(
    ({ abortDays, enabled, prefix }) =>
      enabled &&
      abortDays !== undefined &&
      upload.key.startsWith(prefix) &&
      isDue(upload.started, abortDays, now),
  );
}

function isExpired(rule: Rule, modified: number, now: number): boolean {
  if (rule.expirationDate !== undefined && now >= rule.expirationDate) return true;
  return rule.expirationDays !== undefined && isDue(modified, rule.expirationDays, now);
}
