import type { NetworkAttachmentSpec, NetworkSpec, ServerSpec } from "../hypervisor.ts";
import { networkGateway } from "./privateNetwork.ts";
import { publicGateway, publicGateway6 } from "./router.ts";

/**
 * What systemd-networkd inside a machine reads about its interfaces. At Hetzner DHCP and the metadata service say
 * the same; with files the machine is on the network a second earlier. Pure.
 */

const common = "IPv6AcceptRA=no\n";

/** Null where the machine has no public address. */
export function publicInterfaceFile(server: Pick<ServerSpec, "ipv4" | "ipv6">): string | null {
  if (!server.ipv4 && !server.ipv6) return null;
  const parts = [
    "[Match]\nName=eth0\n",
    `[Network]\nLinkLocalAddressing=${server.ipv6 ? "ipv6" : "no"}\n${common}`,
  ];
  if (server.ipv4) {
    parts.push(`[Address]\nAddress=${server.ipv4}/32\n`);
    parts.push(`[Route]\nGateway=${publicGateway}\nGatewayOnLink=yes\n`);
  }
  if (server.ipv6) {
    parts.push(`[Address]\nAddress=${server.ipv6}/64\nDuplicateAddressDetection=none\n`);
    parts.push(`[Route]\nGateway=${publicGateway6}\nGatewayOnLink=yes\n`);
  }
  return parts.join("\n");
}

/**
 * @param name The interface's.
 * @param only Whether the machine has no other: then it is online by this one, or its boot would wait for none in vain.
 */
export function privateInterfaceFile(
  name: string,
  attachment: NetworkAttachmentSpec,
  network: Pick<NetworkSpec, "ipRange">,
  only: boolean,
): string {
  return [
    `[Match]\nName=${name}\n`,
    // A boot does not wait for a network that may be pulled out.
    `[Link]\nRequiredForOnline=${only ? "yes" : "no"}\n`,
    `[Network]\nLinkLocalAddressing=no\n${common}`,
    `[Address]\nAddress=${attachment.ip}/32\n`,
    `[Route]\nDestination=${network.ipRange}\nGateway=${networkGateway(network.ipRange)}\nGatewayOnLink=yes\n`,
  ].join("\n");
}

/** Names below the folder of networkd's configuration. */
export function interfaceFileName(name: string): string {
  return `10-${name}.network`;
}
