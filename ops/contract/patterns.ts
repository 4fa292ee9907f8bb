import { isIP } from 'node:net';

/** What a value may look like. None of it tells the value. */
export type Pattern = keyof typeof looks;

/** What the values of a column look like, counted: which they are is forgotten at once. */
export interface Seen {
  readonly values: number; // Without those that are null.
  readonly distinct: number;
  readonly shortest: number; // In letters.
  readonly counts: Readonly<Record<Pattern, number>>;
}

/** Counts what values look like; nulls look like nothing. */
export function seenIn(values: Iterable<string | null>): Seen {
  const distinct = new Set<string>();
  const counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<Pattern, number>;
  let count = 0;
  let shortest = Infinity;
  for (const value of values) {
    if (value === null) continue;
    count++;
    distinct.add(value);
    const text = value.trim();
    shortest = Math.min(shortest, Array.from(text).length);
    for (const name of names) if (looks[name](text)) counts[name]++;
  }
  return { values: count, distinct: distinct.size, shortest: count === 0 ? 0 : shortest, counts };
}

const mail = String.raw`[^\s@<>"',;:()]+@[^\s@<>"',;:()]+\.[a-z]{2,}`;
const wholeMail = new RegExp(`^${mail}$`, 'i');
const someMail = new RegExp(mail, 'i');
const someIban = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g;

const looks = {
  'an e-mail address': (text: string) => wholeMail.test(text),
  'an IBAN': isIban,
  'a card number': isCardNumber,
  'a number that an authority gave': isNationalId,
  'a network address': (text: string) => isIP(text.replace(/\/\d+$/, '')) !== 0,
  'a telephone number': isPhone,
  'a UUID': (text: string) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  'a date of birth': isOfBirth,
  'free text': (text: string) => text.split(/\s+/).length >= 6,
  'text with personal data in it': (text: string) =>
    (someMail.test(text) && !wholeMail.test(text)) ||
    (!isIban(text) && (text.match(someIban) ?? []).some(isIban)),
} as const;

const names = Object.keys(looks) as Pattern[];

/** ISO 13616: moved round and written in digits, it leaves 1 when divided by 97. */
function isIban(text: string): boolean {
  const plain = text.replaceAll(' ', '').toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(plain)) return false;
  const moved = plain.slice(4) + plain.slice(0, 4);
  return (
    rest(
      moved.replaceAll(/[A-Z]/g, (letter) => `${letter.charCodeAt(0) - 55}`),
      97,
    ) === 1
  );
}

function rest(digits: string, divisor: number): number {
  let left = 0;
  for (const digit of digits) left = (left * 10 + Number(digit)) % divisor;
  return left;
}

/** ISO 7812: digits of an issuer of cards, with Luhn's check digit. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[ -]/g, '');
  if (!/^[2-6]\d{12,18}$/.test(digits)) return false;
  let sum = 0;
  for (const [at, digit] of Array.from(digits).toReversed().entries()) {
    const value = Number(digit) * (at % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** What states number their people by, where form or check digits tell it. */
function isNationalId(text: string): boolean {
  const plain = text.toUpperCase();
  return (
    /^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/.test(plain) || // United States.
    /^(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]$/.test(plain) || // United Kingdom.
    isSpanish(plain) ||
    isBrazilian(plain) ||
    isFrench(plain)
  );
}

function isSpanish(text: string): boolean {
  const [, first = '', digits = '', letter = ''] = /^([XYZ]?)(\d{7,8})-?([A-Z])$/.exec(text) ?? [];
  if (letter === '' || first.length + digits.length !== 8) return false;
  const number = Number(`${first === '' ? '' : 'XYZ'.indexOf(first)}${digits}`);
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23] === letter;
}

function isBrazilian(text: string): boolean {
  if (!/^\d{3}\.\d{3}\.\d{3}-\d{2}$/.test(text)) return false;
  const digits = Array.from(text.replaceAll(/\D/g, ''), Number);
  const check = (length: number) => {
    const sum = digits
      .slice(0, length)
      .reduce((total, digit, at) => total + digit * (length + 1 - at), 0);
    return ((sum * 10) % 11) % 10;
  };
  return digits[9] === check(9) && digits[10] === check(10);
}

function isFrench(text: string): boolean {
  const digits = text.replaceAll(' ', '');
  if (!/^[12]\d{14}$/.test(digits)) return false;
  return 97 - rest(digits.slice(0, 13), 97) === Number(digits.slice(13));
}

function isPhone(text: string): boolean {
  if (!/^(?:\+|00?|\()[\d\s()./-]+$/.test(text)) return false;
  if (/^\d+(?:\.\d+)?$/.test(text) && !text.startsWith('0')) return false;
  const digits = text.replaceAll(/\D/g, '').length;
  return digits >= 8 && digits <= 15;
}

/** A day, with no time in it, on which somebody who is grown up and alive may have been born. */
function isOfBirth(text: string): boolean {
  const [, year = '0'] = /^(\d{4})-(?:0\d|1[0-2])-(?:[0-2]\d|3[01])$/.exec(text) ?? [];
  return Number(year) >= 1905 && Number(year) <= new Date().getFullYear() - 16;
}
