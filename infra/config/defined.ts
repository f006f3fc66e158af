/** The parts of a value that are there, to be laid over defaults. */
export function defined<T extends object>(value: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  const parts = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(parts) as { [Key in keyof T]?: NonNullable<T[Key]> };
}
