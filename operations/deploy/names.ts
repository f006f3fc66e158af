/** What people call a resource: the type's last part and the logical name, as "Server core-1". */
export function resourceLabel(urn: string): string {
  const { type, name } = parseUrn(urn);
  return `${typeLabel(type)} ${name}`;
}

/** `hcloud:index/server:Server` is a "Server". */
export function typeLabel(type: string): string {
  if (type === "pulumi:pulumi:Stack") return "Stack";
  if (type.startsWith("pulumi:providers:")) return `Provider ${type.slice("pulumi:providers:".length)}`;
  return type.split(":").at(-1) ?? type;
}

/** The type of the resource itself (without its parents') and its logical name. */
export function parseUrn(urn: string): { type: string; name: string } {
  const [, , qualified = "", ...name] = urn.split("::");
  return { type: qualified.split("$").at(-1) ?? qualified, name: name.join("::") };
}
