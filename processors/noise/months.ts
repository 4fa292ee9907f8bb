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

/** The month after another. */
export function monthAfter(month: string): string {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, number)).toISOString().slice(0, 7);
}
