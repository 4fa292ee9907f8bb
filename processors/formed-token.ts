import type { KeyObject } from 'node:crypto';
import type { TokenForm } from '../contracts/token-form.ts';
import { Ff1 } from '../schemas/ff1.ts';

/** Fewer texts than these could be tried one by one (SP 800-38G, revision 1). */
const leastTexts = 1_000_000n;
const mostSymbols = 128; // Nothing that people type is longer, and time grows with length.

/**
 * Makes of a value the token that looks like it, or null where its form has none: fewer texts than a million look
 * like it, or it holds anything that is no symbol of the form and no separator. What stays as it is tells its looks alone.
 */
export type FormedToken = (value: string) => string | null;

/** By FF1: of one key and domain two values never have the same token. */
export function formedToken(form: TokenForm, key: KeyObject, domain: string): FormedToken {
  const permuted = permutations[form](key, Buffer.from(domain));
  return (value) => {
    const symbols = symbolsOf(form, value);
    if (!symbols) return null;
    let number = 0n;
    for (const { radix, nth } of symbols.places) number = number * radix + nth;
    let rest = permuted(number, symbols);
    const token = Buffer.from(value, 'latin1');
    for (const { at, first, radix } of symbols.places.toReversed()) {
      token[at] = first + Number(rest % radix);
      rest /= radix;
    }
    return token.toString('latin1');
  };
}

/** Whether a value could be a token of the form. It could be a value as well: nothing tells the two apart. */
export const hasForm = (form: TokenForm, value: string): boolean => symbolsOf(form, value) !== null;

interface Symbols {
  readonly places: readonly {
    readonly at: number;
    readonly first: number; // The code of the first symbol of its class.
    readonly radix: bigint;
    readonly nth: bigint;
  }[];
  readonly texts: bigint; // How many look the same.
}

type Permuted = (number: bigint, symbols: Symbols) => bigint;

const permutations: Readonly<Record<TokenForm, (key: KeyObject, tweak: Buffer) => Permuted>> = {
  digits(key, tweak) {
    const ff1 = new Ff1(key, tweak, 10);
    return (number, { places }) => ff1.encrypt(number, places.length);
  },
  /** As many texts as there are is no power of anything: of bits, so long until it is the number of one of them. */
  alphanumeric(key, tweak) {
    const ff1 = new Ff1(key, tweak, 2);
    return (number, { texts }) => {
      const bits = (texts - 1n).toString(2).length;
      let walked = number;
      do walked = ff1.encrypt(walked, bits);
      while (walked >= texts);
      return walked;
    };
  },
};

const separators: ReadonlySet<number> = new Set(Buffer.from(' +-./():_'));
const digits = { first: 48, radix: 10n };
const classes: Readonly<
  Record<TokenForm, readonly { readonly first: number; readonly radix: bigint }[]>
> = {
  digits: [digits],
  alphanumeric: [digits, { first: 65, radix: 26n }, { first: 97, radix: 26n }],
};

function symbolsOf(form: TokenForm, value: string): Symbols | null {
  if (value.length > mostSymbols) return null;
  const places: Symbols['places'][number][] = [];
  let texts = 1n;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (separators.has(code)) continue;
    const found = classes[form].find(
      ({ first, radix }) => code >= first && code < first + Number(radix),
    );
    if (!found) return null;
    places.push({ at, ...found, nth: BigInt(code - found.first) });
    texts *= found.radix;
  }
  return texts < leastTexts ? null : { places, texts };
}
