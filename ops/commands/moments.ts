import { InvalidArgumentError } from 'commander';

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Reads an option that is a time: `2026-11-27`, `2026-11-27T03:00Z`, or how long ago, `90m`, `2h`, `7d`. */
export function moment(text: string, _: unknown = null, now = Date.now()): Date {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ago = count === undefined ? undefined : new Date(now - Number(count) * (unitMs[unit] ?? 0));
  const at = ago ?? new Date(isIso.test(text) ? text : Number.NaN);
  if (Number.isNaN(at.getTime()))
    throw new InvalidArgumentError(
      'say 2026-11-27, 2026-11-27T03:00Z, or how long ago: 90m, 2h, 7d.',
    );
  return at;
}

/** A time of day without its zone would be another one on every machine. */
const isIso = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;
