import type { Classification } from '../../contracts/contract.ts';
import { type Column, primaryKey, type Relation, tableName } from './catalog.ts';
import type { Guess } from './column-guess.ts';
import type { Owner } from './owner-guess.ts';
import type { References } from './references.ts';

/** A table, and whose its rows are taken to be. */
export interface Draft {
  readonly relation: Relation;
  readonly columns: readonly Column[];
  readonly leftOut: readonly Column[];
  readonly tenant: Owner | null;
  readonly subject: Owner | null;
}

type Verdict = Pick<Guess, 'classification' | 'rule' | 'why' | 'isGrave'>;

/** What a column of a table is taken to hold. */
export type Guessing = (relation: Relation, column: Column) => Guess;

/** What becomes of each column, once those that hold the same values agree. */
export class Verdicts {
  readonly #tables = new Map<string, Map<string, Verdict>>();

  constructor(drafts: readonly Draft[], references: References, guess: Guessing) {
    for (const { relation, columns, tenant, subject } of drafts) {
      const guesses = columns.map((column) => [column, guess(relation, column)] as const);
      const sealed = guesses.some(([, { sort }]) => sort === 'sensitive');
      const owned = sealed || tenant !== null || subject !== null;
      const key = primaryKey(relation)?.columns ?? [];
      this.#tables.set(
        tableName(relation),
        new Map(
          guesses.map(([column, guess]) => [
            column.name,
            keyed(settled(guess, owned), key, column),
          ]),
        ),
      );
    }
    for (const group of references.groups()) {
      const all = group.map(({ table, column }) => this.of(table, column));
      const reason = all.find(({ rule }) => rule !== 'keep');
      if (!reason) continue;
      const isGrave = all.some((each) => each.isGrave);
      const classification = all.map((each) => each.classification).sort(stricter)[0] ?? 'internal';
      for (const { table, column } of group) {
        const own = this.of(table, column);
        const why = own.rule === 'keep' ? `holds what another table has: ${reason.why}` : own.why;
        this.#tables.get(table)?.set(column, { classification, rule: 'tokenise', why, isGrave });
      }
    }
  }

  of(table: string, column: string): Verdict {
    const verdict = this.#tables.get(table)?.get(column);
    if (!verdict) throw new TypeError(`nothing was guessed of ${table}.${column}`);
    return verdict;
  }
}

const strictness: readonly Classification[] = ['restricted', 'confidential', 'internal', 'public'];
const stricter = (a: Classification, b: Classification) =>
  strictness.indexOf(a) - strictness.indexOf(b);

/** Whether a sink adds a column of its own under this name to every row. */
export const isOfSinks = (name: string): boolean =>
  /^_(?:position|key|held|op|timeline|lsn|seq|part|lane|committed_at|unchanged|provenance|policy|at)$/.test(
    name,
  );

/** Without an owner there is no key to seal by: what cannot be told is then dropped on its way. */
const settled = (guess: Guess, owned: boolean): Verdict =>
  guess.sort === 'unclear' && !owned
    ? {
        classification: 'internal',
        rule: 'drop',
        why: `${guess.why}; dropped, for nothing tells under whose key to seal it`,
      }
    : guess;

/** Sinks tell rows apart by their key: what must not be read of it is made a token. */
function keyed(verdict: Verdict, key: readonly string[], { name }: Column): Verdict {
  if (!key.includes(name))
    return isOfSinks(name)
      ? { ...verdict, rule: 'drop', why: 'the sinks have a column of their own of this name' }
      : verdict;
  return verdict.rule === 'keep' ? verdict : { ...verdict, rule: 'tokenise' };
}
