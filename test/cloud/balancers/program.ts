import {
  LoadBalancer,
  LoadBalancerNetwork,
  LoadBalancerService,
  type LoadBalancerServiceArgs,
  LoadBalancerTarget,
} from "@pulumi/hcloud";

export interface Declared {
  network: number;
  algorithm: "round_robin" | "least_connections";
  type: string;
  web: Partial<LoadBalancerServiceArgs>;
  enablePublicInterface: boolean;
}

/** A load balancer in front of the servers with the label role=web: HTTP on 80, lines over TCP on 5000. */
export function program(declared: Declared) {
  return async () => {
    const balancer = new LoadBalancer("front", {
      name: "front",
      loadBalancerType: declared.type,
      location: "fsn1",
      algorithm: { type: declared.algorithm },
      labels: { part: "front" },
    });
    const loadBalancerId = balancer.id.apply(Number);
    const network = new LoadBalancerNetwork("network", {
      loadBalancerId,
      networkId: declared.network,
      ip: "10.0.1.5",
      enablePublicInterface: declared.enablePublicInterface,
    });
    new LoadBalancerService("web", {
      loadBalancerId: balancer.id,
      protocol: "http",
      listenPort: 80,
      destinationPort: 8080,
      healthCheck: {
        protocol: "http",
        port: 8080,
        interval: 3,
        timeout: 2,
        retries: 2,
        http: { path: "/health", statusCodes: ["2??"], response: "well" },
      },
      ...declared.web,
    });
    new LoadBalancerService("lines", {
      loadBalancerId: balancer.id,
      protocol: "tcp",
      listenPort: 5000,
      destinationPort: 9000,
      healthCheck: { protocol: "tcp", port: 9000, interval: 3, timeout: 2, retries: 2 },
    });
    new LoadBalancerTarget(
      "servers",
      { type: "label_selector", loadBalancerId, labelSelector: "role=web", usePrivateIp: true },
      { dependsOn: [network] },
    );
    return { ip: balancer.ipv4, privateIp: network.ip };
  };
}
