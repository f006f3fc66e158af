import { connect } from "node:net";
import { text } from "node:stream/consumers";

const answerMs = 3000;

/**
 * Asks a HAProxy over one of its sockets.
 * @returns What it says; null where nobody listens.
 */
export async function ask(path: string, command: string): Promise<string | null> {
  const socket = connect(path);
  const timer = setTimeout(
    () => socket.destroy(new Error(`HAProxy does not answer "${command}".`)),
    answerMs,
  );
  try {
    socket.end(`${command}\n`);
    return await text(socket);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ECONNRESET" || code === "EPIPE")
      return null;
    throw error;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
