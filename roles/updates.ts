import { file, lines, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";

/**
 * Security updates by themselves, from Debian's security origin alone. The data layer's packages are held by their
 * own roles and wait for a rollout; nothing reboots by itself.
 */
export function updates(): RoleManifest {
  return role("updates", {
    packages: ["unattended-upgrades"],
    files: [
      file("/etc/apt/apt.conf.d/52phasewise-upgrades", UPGRADES, { beforePackages: true }),
      file("/etc/apt/apt.conf.d/20auto-upgrades", PERIODIC, { beforePackages: true }),
    ],
    units: [
      running("apt-daily.timer"),
      running("apt-daily-upgrade.timer"),
      // A resident Python process (20 MB) that only delays a shutdown during an upgrade: upgrades run in small steps
      // that end cleanly at any of them instead.
      { name: "unattended-upgrades.service", state: "stopped", stateful: false },
    ],
  });
}

/** `#clear` drops Debian's own default, which would take every stable update as well. */
const UPGRADES = lines(
  "#clear Unattended-Upgrade::Origins-Pattern;",
  "Unattended-Upgrade::Origins-Pattern {",
  '  "origin=Debian,codename=$' + '{distro_codename}-security,label=Debian-Security";',
  "};",
  'Unattended-Upgrade::MinimalSteps "true";',
  'Unattended-Upgrade::Automatic-Reboot "false";',
  'Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";',
  'Unattended-Upgrade::Remove-Unused-Dependencies "false";',
  'Unattended-Upgrade::SyslogEnable "true";',
);

const PERIODIC = lines(
  'APT::Periodic::Update-Package-Lists "1";',
  'APT::Periodic::Unattended-Upgrade "1";',
  'APT::Periodic::AutocleanInterval "7";',
);
