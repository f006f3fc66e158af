/** Where machines find packages, on the host's address in the public network. Not Debian's own port for such a
 * service, which one of the host's may have. */
export const packagesPort = 3143;

export interface ProxySettings {
  /** The address that it listens on. */
  address: string;
  cacheFolder: string;
  logFolder: string;
  /** The host's own way to packages, as "http://proxy.example:3128"; null where it goes straight. */
  upstream: string | null;
}

/** apt-cacher-ng's configuration, see its acng.conf. Pure. */
export function proxyConfiguration(settings: ProxySettings): string {
  const lines = [
    `BindAddress: ${settings.address}`,
    `Port: ${packagesPort}`,
    `CacheDir: ${settings.cacheFolder}`,
    `LogDir: ${settings.logFolder}`,
    "ForeGround: 1",
    // What a release does not name any more goes after so many days.
    "ExThreshold: 4",
    "VerboseLog: 0",
    "ReportPage:",
    ...(settings.upstream ? [`Proxy: ${settings.upstream}`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** What makes apt inside a machine ask the cloud, as Hetzner's images name Hetzner's mirror. */
export function aptConfiguration(gateway: string): string {
  return `Acquire::http::Proxy "http://${gateway}:${packagesPort}";\n`;
}
