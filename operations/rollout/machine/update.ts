import { quote } from "../../../clients/ssh/quote.ts";
import type { MachineWork } from "../work.ts";

/** As a named unit it goes on where the connection is lost; called again, it is waited for first. */
export function transient(script: string): string {
  const unit = "phasewise-rollout";
  return [
    `while systemctl is-active --quiet ${unit}.service; do sleep 0.5; done`,
    `systemd-run --quiet --wait --collect --pipe --unit=${unit} sh -ec ${quote(script)}`,
  ].join("\n");
}

/** Prints "name version" of packages. */
export function versionsCommand(names: string[]): string {
  return `dpkg-query -W -f '\${Package} \${Version}\\n' ${names.map(quote).join(" ")}`;
}

/** Whether every package has the version that it is to have. @param text What `versionsCommand` printed. */
export function haveVersions(text: string, packages: MachineWork["packages"]): boolean {
  const found = new Map(text.split("\n").map((line) => line.split(" ", 2) as [string, string]));
  return packages.every(({ name, to }) => found.get(name) === to);
}

const APT =
  "DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold";

/** Debian's own way to keep packages from starting and restarting services (101: forbidden by policy). */
const NO_RESTARTS = "/usr/sbin/policy-rc.d";

/**
 * Exactly these versions: all members of a cluster get the same one, whatever came out meanwhile. What a killed run
 * left half installed is finished first; the packages stay held. Nothing is restarted by their installation: that is
 * a step of its own, while clients are led elsewhere or wait.
 */
export function updateCommand({ packages, security }: MachineWork): string {
  const exact = packages.map(({ name, to }) => quote(`${name}=${to}`)).join(" ");
  return [
    `trap 'rm -f ${NO_RESTARTS}' EXIT`,
    `printf '#!/bin/sh\\nexit 101\\n' > ${NO_RESTARTS}; chmod 755 ${NO_RESTARTS}`,
    "dpkg --configure -a >&2",
    `${APT} update`,
    ...(packages.length > 0
      ? [`${APT} install --allow-change-held-packages --no-install-recommends ${exact}`]
      : []),
    ...packages.map(({ name }) => `apt-mark hold ${quote(name)} >/dev/null`),
    `rm -f ${NO_RESTARTS}`,
    ...(security.length > 0 ? ["unattended-upgrade"] : []),
  ].join("\n");
}

/** Prints those of the names that unattended upgrades would still bring. */
export function stillUpgradable(names: string[]): string {
  const list = names.map(quote).join(" ");
  return `apt-get -s install --only-upgrade ${list} 2>/dev/null | sed -n 's/^Inst \\([^ ]*\\) .*Debian-Security.*/\\1/p'`;
}
