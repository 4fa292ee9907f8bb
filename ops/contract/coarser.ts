import { wordsOf } from '../init/name-words.ts';
import type { Proposal, ProposedColumn } from '../init/proposed.ts';
import type { Seen } from './patterns.ts';

/** What may single out a person together with others, by the words of its name. */
const telling =
  /_(?:birth|birthday|birth_?date|dob|born|age|zip|zip_?code|post_?code|postal|plz|city|town|country|region|state|gender|sex|nationality|marital|profession|occupation|job|salary|income)_/;

/** Whether a column of a table about persons is taken for a quasi-identifier. */
export const isQuasiIdentifier = ({ subject }: Proposal, column: ProposedColumn): boolean =>
  subject !== null &&
  !subject.why.startsWith('nothing tells') &&
  column.name !== subject.column &&
  column.rule !== 'drop' &&
  telling.test(`_${wordsOf(column.name).join('_')}_`);

/**
 * A hierarchy for a quasi-identifier, as a contract writes it; null where only a person can write one: the
 * names of a tree would be values.
 */
export function hierarchyFor({ name, type }: ProposedColumn, seen: Seen | null): string | null {
  const text = `_${wordsOf(name).join('_')}_`;
  if (/^(?:date|timestamp)/.test(type)) return '{ prefixes: [7, 4, 3] }'; // Month, year, decade.
  if (/^(?:smallint|integer|bigint|numeric|real|double)/.test(type)) {
    if (/_age_/.test(text)) return '{ intervals: [5, 10, 20], from: 0, to: 120 }';
    if (/_(?:salary|income)_/.test(text))
      return '{ intervals: [5000, 25000, 100000], from: 0, to: 10000000 }';
    return null;
  }
  const isPostal = /_(?:zip|zip_?code|post_?code|postal|plz)_/.test(text);
  const longest = Math.min(3, (seen?.shortest ?? 4) - 1);
  if (!isPostal || longest < 1) return null;
  return longest === 1 ? '{ prefixes: [1] }' : `{ prefixes: [${longest}, 1] }`;
}
