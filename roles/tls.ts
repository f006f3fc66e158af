import { directory, file, role } from "./build.ts";
import type { Directory, ManagedFile, OnChange, RoleManifest } from "./manifest.ts";
import { CA_FILE, TLS } from "./paths.ts";
import { SECRETS, secret } from "./secrets.ts";

/** Paths of one program's copy of the machine's certificate. */
export interface NodeTls {
  ca: string;
  certificate: string;
  key: string;
}

/** Where the program `name` finds its copy; every program has its own, as keys belong to one system user only. */
export function nodeTls(name: string): NodeTls {
  return {
    ca: `${TLS}/${name}/ca.pem`,
    certificate: `${TLS}/${name}/node.pem`,
    key: `${TLS}/${name}/node.key`,
  };
}

/**
 * Authority, certificate and key of this machine for one program, with what a renewal asks of it.
 *
 * `onNewAuthority` is apart because most programs read their authorities only when they start.
 */
export function nodeTlsFiles(
  name: string,
  options: { owner: string; onRenewal: OnChange[]; onNewAuthority: OnChange[] },
): { directories: Directory[]; files: ManagedFile[] } {
  const { owner, onRenewal, onNewAuthority } = options;
  const paths = nodeTls(name);
  return {
    directories: [directory(`${TLS}/${name}`, { group: owner, mode: "0750" })],
    files: [
      file(paths.ca, secret(SECRETS.caCertificate), { onChange: onNewAuthority }),
      file(paths.certificate, secret(SECRETS.nodeCertificate), { onChange: onRenewal }),
      file(paths.key, secret(SECRETS.nodeKey), { owner, mode: "0600", onChange: onRenewal }),
    ],
  };
}

/**
 * The stack's authority for everybody on the machine, and the machine's certificate for root, with which commands
 * on the machine speak to Patroni and etcd.
 */
export function tls(): RoleManifest {
  const forRoot = nodeTlsFiles("root", { owner: "root", onRenewal: [], onNewAuthority: [] });
  return role("tls", {
    directories: [directory("/etc/phasewise"), directory(TLS), ...forRoot.directories],
    files: [file(CA_FILE, secret(SECRETS.caCertificate)), ...forRoot.files],
  });
}
