import { describe, expect, it } from "vitest";
import type { NetworkSpec } from "../../../../cloud/hypervisor.ts";
import { privateInterfaceFile, publicInterfaceFile } from "../../../../cloud/networks/interfaces.ts";
import { networkGateway, networkLines, privateInterface } from "../../../../cloud/networks/privateNetwork.ts";
import { cableLines, hostLines } from "../../../../cloud/networks/router.ts";

const network: NetworkSpec = {
  id: 7,
  name: "data",
  ipRange: "10.0.0.0/16",
  subnets: [{ ipRange: "10.0.1.0/24", gateway: "10.0.0.1" }],
  routes: [{ destination: "10.100.0.0/16", gateway: "10.0.1.11" }],
};

function member(id: number, ip: string, aliasIps: string[] = []) {
  return { id, attachment: { networkId: 7, ip, aliasIps, macAddress: "86:00:00:00:00:01" } };
}

describe("networkLines", () => {
  it("routes every address of a machine, aliases too, over its own cable", () => {
    const { lines, routes } = networkLines(network, [
      member(1, "10.0.1.11", ["10.0.1.50"]),
      member(2, "10.0.1.12"),
    ]);
    expect(lines).toEqual([
      "route replace unreachable 10.0.0.0/16 metric 4294967295",
      "address replace 10.0.0.1/32 dev s1",
      "link set s1 up",
      "route replace 10.0.1.11/32 dev s1",
      "route replace 10.0.1.50/32 dev s1",
      "address replace 10.0.0.1/32 dev s2",
      "link set s2 up",
      "route replace 10.0.1.12/32 dev s2",
      "route replace 10.100.0.0/16 via 10.0.1.11",
    ]);
    expect(routes).toEqual(["10.0.0.0/16", "10.0.1.11/32", "10.0.1.50/32", "10.0.1.12/32", "10.100.0.0/16"]);
  });

  it("lets a route whose gateway is not there lead nowhere", () => {
    expect(networkLines(network, []).lines).toContain("route replace unreachable 10.100.0.0/16");
  });

  it("knows the default route by the name that the kernel lists it under", () => {
    const routed = { ...network, routes: [{ destination: "0.0.0.0/0", gateway: "10.0.1.11" }] };
    expect(networkLines(routed, [member(1, "10.0.1.11")]).routes).toContain("default");
  });
});

describe("names and gateways", () => {
  it("are Hetzner's", () => {
    expect(networkGateway("10.0.0.0/16")).toBe("10.0.0.1");
    expect(networkGateway("192.168.64.0/18")).toBe("192.168.64.1");
    expect([0, 1, 2].map(privateInterface)).toEqual(["enp7s0", "enp8s0", "enp9s0"]);
  });
});

describe("what networkd reads", () => {
  it("has the public addresses with a gateway on the link", () => {
    expect(publicInterfaceFile({ ipv4: "198.18.3.2", ipv6: "2001:2:0:1c0::1" })).toBe(`[Match]
Name=eth0

[Network]
LinkLocalAddressing=ipv6
IPv6AcceptRA=no

[Address]
Address=198.18.3.2/32

[Route]
Gateway=172.31.1.1
GatewayOnLink=yes

[Address]
Address=2001:2:0:1c0::1/64
DuplicateAddressDetection=none

[Route]
Gateway=fe80::1
GatewayOnLink=yes
`);
  });

  it("is nothing for a machine without public addresses", () => {
    expect(publicInterfaceFile({ ipv4: null, ipv6: null })).toBeNull();
  });

  it("routes the whole private network through its gateway", () => {
    expect(privateInterfaceFile("enp7s0", member(1, "10.0.1.11").attachment, network, false)).toBe(`[Match]
Name=enp7s0

[Link]
RequiredForOnline=no

[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no

[Address]
Address=10.0.1.11/32

[Route]
Destination=10.0.0.0/16
Gateway=10.0.0.1
GatewayOnLink=yes
`);
  });

  it("lets a machine without a public address be online by its private one", () => {
    const text = privateInterfaceFile("enp7s0", member(1, "10.0.1.11").attachment, network, true);
    expect(text).toContain("RequiredForOnline=yes");
  });
});

describe("the public router", () => {
  it("has one route on the host with a black hole under it", () => {
    expect(hostLines(3, false)).toEqual([
      "address replace 198.18.3.1/32 dev pw3",
      "link set pw3 up",
      "route replace blackhole 198.18.3.0/24 metric 4294967295",
      "route replace 198.18.3.0/24 via 172.31.255.1 dev pw3 onlink src 198.18.3.1",
    ]);
  });

  it("reaches a machine's addresses over its own cable, those that it has", () => {
    const addresses = { id: 5, ipv4: "198.18.3.2", ipv6: "2001:2:0:1c0::1" };
    expect(cableLines(addresses, true)).toContain("route replace 2001:2:0:1c0::/64 dev s5");
    expect(cableLines(addresses, false).join()).not.toContain("2001");
    expect(cableLines({ ...addresses, ipv4: null }, true).join()).not.toContain("198.18");
  });
});
