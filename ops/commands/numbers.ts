import { InvalidArgumentError } from 'commander';

/** Reads an option that is a whole number above zero. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('say a whole number above zero.');
  return value;
}
