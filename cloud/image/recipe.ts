import { createHash } from "node:crypto";

/** The image that machines are made from, as Hetzner names it. */
export const imageName = "debian-13";

const mirror = "http://deb.debian.org/debian";
const securityMirror = "http://deb.debian.org/debian-security";
const suite = "trixie";

/** What makes an image what it is: two recipes that are the same make the same image. */
export interface Recipe {
  /** Raised when the builder comes to make something else of the same recipe. */
  revision: number;
  architecture: string;
  suite: string;
  /** Lines of sources.list. */
  sources: string[];
  /** Debian packages. */
  packages: string[];
  /** The ones of these that are there for speed alone: their services are left disabled. */
  prebaked: string[];
  /** apt's settings, as the host's apt has them. */
  aptOptions: string[];
  /** Files with their contents, by their paths inside. */
  files: Record<string, string>;
}

/** What Hetzner's own Debian image has beyond debootstrap's "minbase". */
const basePackages = [
  "ca-certificates",
  "cloud-init",
  "cron",
  "curl",
  "dbus",
  "e2fsprogs",
  "fdisk",
  "gnupg",
  "iproute2",
  "iputils-ping",
  "jq",
  "kmod",
  "less",
  "logrotate",
  "lsb-release",
  "netbase",
  "nftables",
  "openssh-server",
  "parted",
  "procps",
  "python3",
  "sudo",
  "systemd",
  "systemd-sysv",
  "udev",
  "vim-tiny",
  "xfsprogs",
];

const files = {
  "/etc/cloud/cloud.cfg.d/90-cloud.cfg": [
    "datasource_list: [NoCloud]",
    "network: {config: disabled}",
    "disable_root: false",
    "manage_etc_hosts: true",
    "",
  ].join("\n"),
  // Debian makes a cluster of its own when PostgreSQL is installed; whoever wants one makes it where it belongs.
  "/etc/postgresql-common/createcluster.conf": "create_main_cluster = false\n",
};

/**
 * The recipe for a host.
 * @param prebaked Packages of the data layer.
 * @param aptOptions The host's settings that say how its mirror is to be believed.
 */
export function recipe(prebaked: string[], architecture: string, aptOptions: string[]): Recipe {
  const sorted = [...new Set(prebaked)].sort();
  return {
    revision: 1,
    architecture,
    suite,
    sources: [
      `deb ${mirror} ${suite} main`,
      `deb ${mirror} ${suite}-updates main`,
      `deb ${securityMirror} ${suite}-security main`,
    ],
    packages: [...new Set([...basePackages, ...sorted])].sort(),
    prebaked: sorted.filter((name) => !basePackages.includes(name)),
    aptOptions: [...aptOptions].sort(),
    files,
  };
}

/** Name of an image's folder. */
export function recipeHash(input: Recipe): string {
  return createHash("sha256").update(JSON.stringify(input)).digest("hex").slice(0, 16);
}

/** Lines of `apt-config dump` that an image must share, or it could not read the mirror that the host reads. */
export function sharedAptOptions(dump: string): string[] {
  const shared = ["Acquire::Check-Valid-Until", "Acquire::Check-Date"];
  return dump.split("\n").filter((line) => shared.some((name) => line.startsWith(`${name} `)));
}

/** Environment variable that tells the builder's hook where the recipe's files lie. */
export const filesVariable = "PHASEWISE_IMAGE_FILES";

/** Arguments of mmdebstrap; see its manual page. */
export function builderArguments(input: Recipe, target: string): string[] {
  return [
    "--variant=minbase",
    "--format=directory",
    "--mode=root",
    `--architectures=${input.architecture}`,
    "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg",
    `--include=${input.packages.join(",")}`,
    // The whole is thrown away when it is interrupted, and flushed once at the end.
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=force-confold",
    ...input.aptOptions.map((option) => `--aptopt=${option}`),
    // Before the first package, as some read them when they are installed.
    `--setup-hook=cp -r --no-preserve=mode "$${filesVariable}/." "$1/"`,
    input.suite,
    target,
    ...input.sources,
  ];
}
