import { createHash } from "node:crypto";
import {
  byNameAndCreated,
  type Collection,
  type Route,
  readRoutes,
  requireFreeName,
  requireRoom,
} from "../collection.ts";
import { timestamp } from "../engine.ts";
import { ApiError, invalidField } from "../errors.ts";
import { labels, name, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { SshKey } from "../model.ts";
import { renderSshKey } from "../render.ts";

const collection: Collection<SshKey> = {
  path: "ssh_keys",
  key: "ssh_key",
  title: "SSH key",
  entries: ({ store }) => store.all("ssh_key"),
  render: renderSshKey,
  filters: { fingerprint: (key, fingerprint) => key.fingerprint === fingerprint },
  sort: byNameAndCreated,
};

const created = z.object({ name, public_key: z.string(), labels: optional(labels) });
const changed = z.object({ name: optional(name), labels: optional(labels) });

const keyTypes =
  /^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;

/** The MD5 fingerprint (hex with colons) of an OpenSSH public key; null when it is none. */
export function fingerprint(publicKey: string): string | null {
  const [type = "", encoded = ""] = publicKey.trim().split(/\s+/);
  if (!keyTypes.test(type) || !/^[A-Za-z0-9+/]+=*$/.test(encoded)) return null;
  const blob = Buffer.from(encoded, "base64");
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  if (blob.subarray(4, 4 + length).toString("latin1") !== type) return null;
  return createHash("md5")
    .update(blob)
    .digest("hex")
    .replace(/(..)(?!$)/g, "$1:");
}

export const sshKeyRoutes: Route[] = [
  ...readRoutes(collection),
  {
    method: "POST",
    path: "/ssh_keys",
    handle: ({ cloud, body }) => {
      const input = parse(created, body);
      const print = fingerprint(input.public_key);
      if (print === null || /[\r\n]/.test(input.public_key.trim())) {
        throw invalidField("public_key", "Not a valid OpenSSH public key.");
      }
      requireRoom(cloud, "ssh_key", limits.sshKeys);
      requireFreeName(cloud, "ssh_key", input.name, { what: "SSH key name" });
      if (cloud.store.all("ssh_key").some((key) => key.fingerprint === print)) {
        throw new ApiError("uniqueness_error", "SSH key with the same fingerprint already exists", {
          details: { fields: [{ name: "public_key" }] },
        });
      }
      const key = cloud.change((tx) => {
        const key: SshKey = {
          id: tx.newId(),
          name: input.name,
          labels: input.labels ?? {},
          created: timestamp(),
          publicKey: input.public_key.trim(),
          fingerprint: print,
        };
        tx.put("ssh_key", key);
        return key;
      });
      return { status: 201, body: { ssh_key: renderSshKey(cloud, key) } };
    },
  },
  {
    method: "PUT",
    path: "/ssh_keys/:id",
    handle: ({ cloud, id, body }) => {
      const key = cloud.get("ssh_key", id);
      const input = parse(changed, body);
      if (input.name !== undefined)
        requireFreeName(cloud, "ssh_key", input.name, { what: "SSH key name", except: id });
      const renamed = { ...key, name: input.name ?? key.name, labels: input.labels ?? key.labels };
      cloud.change((tx) => tx.put("ssh_key", renamed));
      return { status: 200, body: { ssh_key: renderSshKey(cloud, renamed) } };
    },
  },
  {
    method: "DELETE",
    path: "/ssh_keys/:id",
    handle: ({ cloud, id }) => {
      cloud.get("ssh_key", id);
      cloud.change((tx) => tx.delete("ssh_key", id));
      return { status: 204 };
    },
  },
];
