import { spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { type Image, images } from "../../catalogue/images.ts";
import { invalidField } from "../errors.ts";
import { means, z } from "../input.ts";
import { limits } from "../limits.ts";

export const userDataInput = z
  .string()
  .refine(
    (value) => Buffer.byteLength(value) <= limits.userDataBytes,
    `Longer than maximum length ${limits.userDataBytes}.`,
  );

/** @throws ApiError invalid_input for an image that machines cannot be made of. */
export function findImage(wanted: number | string): Image {
  const image = images.find((candidate) => means(candidate, wanted));
  if (!image) throw invalidField("image", "image not found");
  return image;
}

const passwordLetters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** A root password as Hetzner makes them: 20 letters and digits. */
export function randomPassword(): string {
  return Array.from({ length: 20 }, () => passwordLetters[randomInt(passwordLetters.length)]).join("");
}

/** The SHA-512 crypt(3) hash of a password, by the perl that every Debian has; the password goes through stdin. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(12).toString("base64url").replace(/[-_]/g, ".");
  const script =
    'my ($password, $salt) = split /\\n/, join("", <STDIN>); print crypt($password, "\\$6\\$$salt\\$");';
  const perl = spawn("perl", ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
  const closed = once(perl, "close");
  perl.stdin.end(`${password}\n${salt}\n`);
  const hash = await text(perl.stdout);
  const [code] = await closed;
  if (code !== 0 || !hash.startsWith("$6$")) throw new Error(`perl could not hash a password (exit ${code})`);
  return hash;
}
