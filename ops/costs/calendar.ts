/** The month after one, as YYYY-MM. */
export const monthAfter = (month: string): string => monthsFrom(month, 1);
export const monthBefore = (month: string): string => monthsFrom(month, -1);

function monthsFrom(month: string, count: number): string {
  const [year = 0, of = 0] = month.split('-').map(Number);
  return new Date(Date.UTC(year, of - 1 + count, 1)).toISOString().slice(0, 7);
}
