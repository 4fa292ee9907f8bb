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

/** Reads an option that is a share of a hundred. */
export function percent(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 100)
    throw new InvalidArgumentError('say a number from 0 to 100, without a sign behind it.');
  return value;
}
