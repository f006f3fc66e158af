import { Problem } from "../../toolchain/problem.ts";

/**
 * Work that goes by the name that clients connect to: until its record is made, nobody can.
 * @throws Problem that says so.
 */
export async function byName<T>(host: string, stack: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTFOUND" && code !== "EAI_AGAIN") throw error;
    throw new Problem({
      happened: `The name ${host} cannot be looked up.`,
      left: "Nothing was changed.",
      todo: [`make the DNS record that npx phasewise up ${stack} prints at its end; a new one takes minutes`],
      cause: error,
    });
  }
}
