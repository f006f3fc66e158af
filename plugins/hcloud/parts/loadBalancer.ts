import { collection } from "./collection.ts";

/** A load balancer, as the API gives it. */
export interface ApiLoadBalancer {
  id: number;
  name: string;
  load_balancer_type: { name: string };
  location: { name: string; network_zone: string };
  public_net: { enabled: boolean; ipv4: { ip: string }; ipv6: { ip: string } };
  private_net: { network: number; ip: string }[];
  algorithm: { type: string };
  labels: Record<string, string>;
  protection: { delete: boolean };
  targets: ApiTarget[];
  services: ApiService[];
}

export interface ApiTarget {
  type: "server" | "label_selector" | "ip";
  server?: { id: number };
  label_selector?: { selector: string };
  ip?: { ip: string };
  use_private_ip?: boolean;
}

export interface ApiService {
  protocol: string;
  listen_port: number;
  destination_port: number;
  proxyprotocol: boolean;
  http?: {
    sticky_sessions?: boolean;
    cookie_name?: string;
    cookie_lifetime?: number;
    timeout_idle?: number;
    certificates?: number[];
    redirect_http?: boolean;
  };
  health_check: {
    protocol: string;
    port: number;
    interval: number;
    timeout: number;
    retries: number;
    http?: {
      domain?: string | null;
      path?: string;
      response?: string;
      tls?: boolean;
      status_codes?: string[];
    } | null;
  };
}

export const loadBalancers = collection<ApiLoadBalancer>("/load_balancers", "load_balancer");
