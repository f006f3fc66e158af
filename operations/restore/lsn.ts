/** Less than 0 where `a` comes first. */
export function compareLsn(a: string, b: string): number {
  const value = (lsn: string) => {
    const [high = "0", low = "0"] = lsn.split("/");
    return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
  };
  const difference = value(a) - value(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
