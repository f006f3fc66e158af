import { readCertificate } from "../certificates.ts";
import type { Cloud } from "../cloud.ts";
import {
  byNameAndCreated,
  type Call,
  type Collection,
  type Reply,
  type Route,
  readRoutes,
  requireFreeName,
  requireRoom,
} from "../collection.ts";
import { timestamp } from "../engine.ts";
import { ApiError, invalidField, notOffered } from "../errors.ts";
import { labels, name, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { Certificate } from "../model.ts";

function usedBy({ store }: Cloud, id: number) {
  return store
    .all("load_balancer")
    .filter(({ services }) => services.some(({ http }) => http?.certificates.includes(id)))
    .map((balancer) => ({ id: balancer.id, type: "load_balancer" }));
}

/** The private key is never shown again. */
function render(cloud: Cloud, certificate: Certificate) {
  return {
    id: certificate.id,
    name: certificate.name,
    labels: certificate.labels,
    type: "uploaded",
    certificate: certificate.chain,
    created: certificate.created,
    not_valid_before: certificate.notBefore,
    not_valid_after: certificate.notAfter,
    domain_names: certificate.domainNames,
    fingerprint: certificate.fingerprint,
    status: null,
    used_by: usedBy(cloud, certificate.id),
  };
}

const collection: Collection<Certificate> = {
  path: "certificates",
  key: "certificate",
  title: "certificate",
  entries: ({ store }) => store.all("certificate"),
  render,
  filters: { type: (_, type) => type === "uploaded" },
  sort: byNameAndCreated,
};

const created = z.object({
  name,
  type: optional(z.enum(["uploaded", "managed"])),
  certificate: optional(z.string()),
  private_key: optional(z.string()),
  labels: optional(labels),
});
const changed = z.object({ name: optional(name), labels: optional(labels) });

function create({ cloud, body }: Call): Reply {
  const input = parse(created, body);
  if (input.type === "managed") throw notOffered("managed certificates are");
  const missing = (field: string) => invalidField(field, "Missing data for required field.");
  if (input.certificate === undefined) throw missing("certificate");
  if (input.private_key === undefined) throw missing("private_key");
  requireRoom(cloud, "certificate", limits.certificates);
  requireFreeName(cloud, "certificate", input.name);
  const { certificate: chain, private_key: privateKey } = input;
  const facts = readCertificate(chain, privateKey);
  const certificate = cloud.change((tx) => {
    const row: Certificate = {
      id: tx.newId(),
      name: input.name,
      labels: input.labels ?? {},
      created: timestamp(),
      chain,
      privateKey,
      ...facts,
    };
    tx.put("certificate", row);
    return row;
  });
  return { status: 201, body: { certificate: render(cloud, certificate), action: null } };
}

function update({ cloud, id, body }: Call): Reply {
  const certificate = cloud.get("certificate", id);
  const input = parse(changed, body);
  if (input.name !== undefined) requireFreeName(cloud, "certificate", input.name, { except: id });
  const renamed = {
    ...certificate,
    name: input.name ?? certificate.name,
    labels: input.labels ?? certificate.labels,
  };
  cloud.change((tx) => tx.put("certificate", renamed));
  return { status: 200, body: { certificate: render(cloud, renamed) } };
}

function remove({ cloud, id }: Call): Reply {
  cloud.get("certificate", id);
  if (usedBy(cloud, id).length > 0)
    throw new ApiError("resource_in_use", `certificate with ID ${id} is still in use`);
  cloud.change((tx) => tx.delete("certificate", id));
  return { status: 204 };
}

/** Certificates that are uploaded; load balancers end TLS with them. */
export const certificateRoutes: Route[] = [
  ...readRoutes(collection),
  { method: "POST", path: "/certificates", handle: create },
  { method: "PUT", path: "/certificates/:id", handle: update },
  { method: "DELETE", path: "/certificates/:id", handle: remove },
  {
    method: "POST",
    path: "/certificates/:id/actions/retry",
    handle: ({ cloud, id }) => {
      cloud.get("certificate", id);
      throw notOffered("managed certificates are");
    },
  },
];
