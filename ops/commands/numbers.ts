import { InvalidArgumentError } from 'commander';

/** Reads an option that is a whole number above zero. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('say a whole number above zero.');
  return value;
}

/** Reads an option that is a whole number, or zero. */
export function natural(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('say a whole number, or 0.');
  return value;
}
