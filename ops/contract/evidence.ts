import type { Column, Relation } from '../init/catalog.ts';
import { type Guess, guessColumn } from '../init/column-guess.ts';
import type { Pattern, Seen } from './patterns.ts';

/** What was seen of a column; null where none of its values was looked at. */
export type Looked = (table: Relation, column: Column) => Seen | null;

/**
 * What a column holds, by its name, its type and what its values look like. What was seen makes a guess
 * stricter, never laxer: a thousand harmless values say nothing of the next one. Only what was masked because its
 * name tells nothing is treated as what it looks like.
 */
export function guessFrom(relation: Relation, column: Column, looked: Looked): Guess {
  const guess = guessColumn(relation.name, column);
  const seen = looked(relation, column);
  if (!seen || seen.values === 0) return guess;
  const evident = evidence.find(({ pattern, from }) => seen.counts[pattern] / seen.values >= from);
  if (!evident) return { ...guess, why: `${guess.why}; ${cardinality(seen)}` };
  const why = `${shareText(seen.counts[evident.pattern], seen.values)} look like ${evident.pattern}`;
  if (guess.sort === 'sensitive' || evident.guess === null)
    return { ...guess, why: `${guess.why}; ${why}` };
  return { sort: 'sensitive', ...evident.guess, why };
}

/** Of a hundred sampled values, so many; a few are never said to be none, nor most of them all. */
export function shareText(count: number, values: number): string {
  const percent = Math.round((count / values) * 100);
  const bounded = count > 0 && count < values ? Math.min(99, Math.max(1, percent)) : percent;
  return `${bounded} % of ${values} sampled values`;
}

const cardinality = ({ distinct, values }: Seen): string =>
  `${distinct} different ones among ${values} sampled values`;

interface Evidence {
  readonly pattern: Pattern;
  readonly from: number; // The least share of the values.
  readonly guess: Pick<Guess, 'classification' | 'rule' | 'isGrave'> | null; // Null says nothing of secrecy.
}

const tokenised = { classification: 'confidential', rule: 'tokenise' } as const;
const masked = { classification: 'confidential', rule: 'mask' } as const;

/** The first that fits counts. Check digits are right by chance in one of ten, or in one of a hundred. */
const evidence: readonly Evidence[] = [
  { pattern: 'an e-mail address', from: 0.2, guess: tokenised },
  { pattern: 'an IBAN', from: 0.2, guess: { ...tokenised, isGrave: true } },
  {
    pattern: 'a card number',
    from: 0.5,
    guess: { classification: 'restricted', rule: 'drop' },
  },
  {
    pattern: 'a number that an authority gave',
    from: 0.2,
    guess: { ...tokenised, isGrave: true },
  },
  { pattern: 'a network address', from: 0.2, guess: tokenised },
  { pattern: 'a telephone number', from: 0.3, guess: tokenised },
  { pattern: 'a date of birth', from: 0.5, guess: masked },
  { pattern: 'text with personal data in it', from: Number.MIN_VALUE, guess: masked },
  { pattern: 'an e-mail address', from: Number.MIN_VALUE, guess: masked },
  { pattern: 'an IBAN', from: Number.MIN_VALUE, guess: masked },
  { pattern: 'a UUID', from: 0.9, guess: null },
  { pattern: 'free text', from: 0.3, guess: null },
];
