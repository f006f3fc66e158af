import { type PriceList, parsePriceList, storedPriceList } from "../../clients/hetzner/priceList.ts";
import { getPricing, type HetznerAccess } from "../../clients/hetzner.ts";
import { messageOf } from "../../toolchain/problem.ts";

export interface AskedPrices {
  prices: PriceList;
  /** Why the stored list had to do; null where the cloud gave its own. */
  fallback: string | null;
}

/**
 * The cloud's price list; the stored one where that cannot be had. Never fails: a price that is not to be had is no
 * reason to hold up work.
 *
 * @param access How the API is reached, or why it is not.
 * @param cloud Whose API it is.
 */
export async function askPrices(
  access: HetznerAccess | { unavailable: string },
  cloud: PriceList["cloud"],
  now = new Date(),
): Promise<AskedPrices> {
  const stored = (fallback: string) => ({ prices: storedPriceList(cloud), fallback });
  if ("unavailable" in access) return stored(access.unavailable);
  try {
    const day = now.toISOString().slice(0, 10);
    return { prices: parsePriceList(await getPricing(access), cloud, day), fallback: null };
  } catch (error) {
    return stored(`${access.endpoint}/pricing: ${causeOf(error)}`);
  }
}

/** What `fetch` says of a connection is in its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return (cause instanceof Error && cause.message) || messageOf(error);
}
