import { InvalidArgumentError } from "commander";

/** Of `--repository`: 1 or 2. @throws InvalidArgumentError for anything else. */
export function repositoryNumber(value: string): number {
  if (/^[12]$/.test(value)) return Number(value);
  throw new InvalidArgumentError("It takes 1 or 2.");
}
