/** A systemd unit as data. A list repeats its key, as systemd wants for `ExecStartPre` and the like. */
export type UnitSections = Record<string, Record<string, string | number | (string | number)[]>>;

/** The text of a unit file or of a drop-in. */
export function unitFile(sections: UnitSections): string {
  return Object.entries(sections)
    .map(([section, entries]) => {
      const body = Object.entries(entries).flatMap(([key, value]) =>
        [value].flat().map((one) => `${key}=${one}`),
      );
      return `[${section}]\n${body.join("\n")}\n`;
    })
    .join("\n");
}

/** Where our additions to a unit of Debian's stand. */
export function dropIn(unit: string): string {
  return `/etc/systemd/system/${unit}.d/10-phasewise.conf`;
}
