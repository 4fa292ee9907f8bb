const months = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const zero = 48;

/** Microseconds since 1970 of a time as RFC 3339 writes it, in full and with its zone; null for what is none. Finer digits are cut. */
export function microsOf(text: string): number | null {
  if (
    text[4] !== '-' ||
    text[7] !== '-' ||
    text[10] !== 'T' ||
    text[13] !== ':' ||
    text[16] !== ':'
  )
    return null;
  const year = number(text, 0, 4);
  const month = number(text, 5, 7);
  const day = number(text, 8, 10);
  const hour = number(text, 11, 13);
  const minute = number(text, 14, 16);
  const second = number(text, 17, 19);
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
  if (!(isDay && year >= 100 && inside(hour, 23) && inside(minute, 59) && inside(second, 59)))
    return null;
  let at = 19;
  let micros = 0;
  if (text[at] === '.') {
    let scale = 100_000;
    for (at++; isDigit(text, at); at++) {
      micros += (text.charCodeAt(at) - zero) * Math.floor(scale);
      scale /= 10;
    }
    if (at === 20 || at > 29) return null;
  }
  const ahead = zoneMinutes(text, at);
  if (ahead === null) return null;
  return Date.UTC(year, month - 1, day, hour, minute - ahead, second) * 1_000 + micros;
}

/** By how many minutes a zone is ahead; null for what is none, or is not the end. */
function zoneMinutes(text: string, at: number): number | null {
  if (text[at] === 'Z') return text.length === at + 1 ? 0 : null;
  const sign = text[at] === '+' ? 1 : text[at] === '-' ? -1 : 0;
  const hours = number(text, at + 1, at + 3);
  const minutes = number(text, at + 4, at + 6);
  if (sign === 0 || text[at + 3] !== ':' || text.length !== at + 6) return null;
  return inside(hours, 23) && inside(minutes, 59) ? sign * (hours * 60 + minutes) : null;
}

const daysOf = (year: number, month: number): number =>
  month === 2 && (year % 400 === 0 || (year % 4 === 0 && year % 100 !== 0))
    ? 29
    : (months[month - 1] ?? 0);

const inside = (value: number, most: number) => value >= 0 && value <= most;

const isDigit = (text: string, at: number): boolean => {
  const code = text.charCodeAt(at);
  return code >= zero && code <= zero + 9;
};

/** The digits of a text from one place to another; NaN where something else is there. */
function number(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++)
    value = isDigit(text, at) ? value * 10 + text.charCodeAt(at) - zero : Number.NaN;
  return value;
}
