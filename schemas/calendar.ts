/** The days from 1970-01-01 to a day of the calendar that PostgreSQL counts in: Gregorian throughout, 1 BC is the year 0. */
export function daysOf(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1; // A year that ends with its leap day.
  const since = shifted + 8_000; // 4713 BC, the first year there is, is then positive.
  const centuries = (since / 100) | 0;
  const leaps = (since >> 2) - centuries + (centuries >> 2);
  return since * 365 + leaps + (daysBefore[month] ?? 0) + day - firstDay;
}

const daysBefore: readonly number[] = [0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];
const firstDay = 3_641_409;

/** How many days a month of a year has. */
export const daysInMonth = (year: number, month: number): number =>
  month === 2 && isLeap(year) ? 29 : (lengths[month - 1] ?? 0);

const lengths: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

/** A day as year, month and day, packed as `year * 512 + month * 32 + day`: it is asked for once per value. */
export function dateOf(days: number): number {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra =
    ((dayOfEra -
      ((dayOfEra / 1_460) | 0) +
      ((dayOfEra / 36_524) | 0) -
      ((dayOfEra / 146_096) | 0)) /
      365) |
    0;
  const dayOfYear = dayOfEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0));
  const fromMarch = ((5 * dayOfYear + 2) / 153) | 0;
  const day = dayOfYear - (((153 * fromMarch + 2) / 5) | 0) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0)) * 512 + month * 32 + day;
}
