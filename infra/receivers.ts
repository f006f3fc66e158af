import { type Output, secret } from "@pulumi/pulumi";
import { SECRETS } from "../roles/secrets.ts";
import type { Config } from "./config.ts";

/** What only the machine that sends alerts may know, by the names under which its role asks for it. */
export function receiverSecrets(alerts: Config["alerts"]): Record<string, Output<string>> {
  const known = {
    [SECRETS.alertWebhook]: alerts?.webhook,
    [SECRETS.alertSlack]: alerts?.slack,
    [SECRETS.alertMailPassword]: alerts?.email?.password,
    [SECRETS.alertHeartbeat]: alerts?.heartbeat,
  };
  return Object.fromEntries(
    Object.entries(known).flatMap(([name, value]) => (value === undefined ? [] : [[name, secret(value)]])),
  );
}
