/** What becomes of a column of the mirror whose table has, or is to have, another type. */
export type Widening =
  | { readonly kind: 'held' } // The column holds every value of the wanted type.
  | { readonly kind: 'widened'; readonly to: string } // No value that is there is lost by it.
  | { readonly kind: 'asked' }; // Only who made the column can say.

/** Of types as the server prints them: the least type that holds what is there and what is to come. */
export function widening(existing: string, wanted: string): Widening {
  const [has, wants] = [parsed(existing), parsed(wanted)];
  if (holds(has, wants)) return { kind: 'held' };
  if (!isOurs(has)) return { kind: 'asked' };
  if (holds(wants, has)) return { kind: 'widened', to: wanted };
  if (has.dimensions !== wants.dimensions) return { kind: 'widened', to: 'text' };
  const isNumber = isExact(has) && isExact(wants);
  return { kind: 'widened', to: isNumber ? `numeric${'[]'.repeat(has.dimensions)}` : 'text' };
}

interface Type {
  readonly name: string;
  readonly limits: readonly number[]; // What it has in parentheses.
  readonly dimensions: number;
}

function parsed(text: string): Type {
  const dimensions = (text.match(/\[\]/g) ?? []).length;
  const limits = /\(([\d, -]+)\)/.exec(text)?.[1]?.split(',').map(Number) ?? [];
  const name = text.replaceAll('[]', '').replace(/\([\d, -]+\)/, '');
  return { name, limits, dimensions };
}

const wholeDigits: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };
const floats = ['real', 'double precision'];
const texts = ['character', 'character varying', 'text'];

const isExact = ({ name }: Type): boolean => name in wholeDigits || name === 'numeric';

/** Whether a column of this type is one that we make, and widen without asking. */
const isOurs = (type: Type): boolean =>
  isExact(type) || floats.includes(type.name) || texts.includes(type.name);

function holds(type: Type, other: Type): boolean {
  if (type.name === 'text' || (type.name === 'character varying' && type.limits.length === 0))
    if (type.dimensions === 0) return true; // A text of every type.
  if (type.dimensions !== other.dimensions) return false;
  if (isExact(type) && isExact(other)) return holdsNumber(type, other);
  if (floats.includes(type.name) && floats.includes(other.name))
    return floats.indexOf(type.name) >= floats.indexOf(other.name);
  if (texts.includes(type.name) && texts.includes(other.name)) return holdsText(type, other);
  return type.name === other.name && type.limits.join() === other.limits.join();
}

function holdsNumber(type: Type, other: Type): boolean {
  const [has, wants] = [digitsOf(type), digitsOf(other)];
  if (type.name in wholeDigits && other.name === 'numeric')
    return wants.fraction <= 0 && wants.whole < has.whole; // Not every number of ten digits is an integer.
  return has.whole >= wants.whole && has.fraction >= wants.fraction;
}

/** How many digits a number may have before its point, and after it. */
function digitsOf({ name, limits }: Type): { readonly whole: number; readonly fraction: number } {
  const whole = wholeDigits[name];
  if (whole !== undefined) return { whole, fraction: 0 };
  const [precision = Infinity, scale = limits.length > 0 ? 0 : Infinity] = limits;
  return { whole: precision === Infinity ? Infinity : precision - scale, fraction: scale };
}

function holdsText(type: Type, other: Type): boolean {
  const longest = ({ name, limits: [limit] }: Type) =>
    limit ?? (name === 'character' ? 1 : Infinity);
  // What is padded with blanks is another text.
  if (type.name === 'character' && other.name !== 'character') return false;
  return longest(type) >= longest(other);
}
