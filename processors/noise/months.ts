/** A window of a month, counted from the month's beginning. Times are in microseconds since 1970, months in UTC. */
export interface MonthWindow {
  readonly month: string; // `2026-11`
  readonly index: number;
  readonly from: number;
  readonly to: number;
}

const microsPerSecond = 1_000_000;

/** The window, of so many seconds, that begins at a time. Windows fill a day, so that none is of two months. */
export function monthWindow(from: number, seconds: number): MonthWindow {
  const start = new Date(from / 1_000);
  const month = start.toISOString().slice(0, 7);
  const first = Date.UTC(start.getUTCFullYear(), start.getUTCMonth()) * 1_000;
  const width = seconds * microsPerSecond;
  return { month, index: Math.round((from - first) / width), from, to: from + width };
}

/** Whether a window begins where the windows of a month, so many of them, have ended. */
export const follows = (
  { month, next }: { readonly month: string; readonly next: number },
  { from, to }: MonthWindow,
): boolean => startOf(month) + next * (to - from) === from;

/** Whether a window lies before where the windows of a month, so many of them, have ended. */
export const isBehind = (
  { month, next }: { readonly month: string; readonly next: number },
  { from, to }: MonthWindow,
): boolean => startOf(month) + next * (to - from) > from;

const startOf = (month: string): number => Date.parse(`${month}-01T00:00Z`) * 1_000;
