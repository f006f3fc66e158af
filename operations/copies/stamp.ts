/** The moment that a copy's name carries, as ISO 8601. @param label As 20261121T030000Z. */
export function momentOf(label: string): string {
  return label.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
}
