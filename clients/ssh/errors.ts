import type { SshTarget } from "../ssh.ts";

/**
 * Why no session came about: nothing answered, another host key, the key was refused, or what we were given
 * cannot be used (then trying again is useless).
 */
export type FaultKind = "unreachable" | "hostkey" | "refused" | "fatal";

/** No session came about. The message says what was tried and what to do. */
export class SshError extends Error {
  readonly kind: FaultKind;
  /** The machine took the last connection, but was too slow for more or ended it: it runs. */
  readonly answered: boolean;
  constructor(message: string, kind: FaultKind, answered = false) {
    super(message);
    this.name = "SshError";
    this.kind = kind;
    this.answered = answered;
  }
}

/** The connection broke in the middle of something; what ran on the machine may still run. */
export class SshLost extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SshLost";
  }
}

/** The message of an `SshError`. */
export function sshFault(args: {
  target: SshTarget;
  kind: FaultKind;
  reason: string;
  tries: number;
  waitedMs: number;
}): string {
  const { target, kind, reason, tries, waitedMs } = args;
  const where = `${target.user}@${target.host}:${target.port}`;
  switch (kind) {
    case "unreachable":
      return [
        `${where} cannot be reached by SSH: ${reason} (tried ${times(tries)} in ${Math.round(waitedMs / 1000)} s).`,
        "Nothing was changed on it. Check that the server runs and that its firewall lets this machine in on that port.",
      ].join("\n");
    case "hostkey":
      return [
        `${where} is not the machine it should be: ${reason}.`,
        "Nothing was sent to it. If the server was rebuilt on purpose, replace its Host resource " +
          "(pulumi up --replace <urn>); if not, find out who answers at this address.",
      ].join("\n");
    case "refused":
      return [
        `${where} refuses the operator's key: ${reason}.`,
        "Nothing was changed on it. Check ~/.ssh/authorized_keys of that user on the machine (Hetzner's console gets in).",
      ].join("\n");
    case "fatal":
      return `${where}: ${reason}`;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
