import type { Reference } from '../../contracts/contract.ts';
import { type Column, primaryKey, type Relation, tableName } from './catalog.ts';
import {
  isPerson,
  isTableOf,
  looksLikePersons,
  stemOf,
  tenantWords,
  wordsOf,
} from './name-words.ts';

/** The column that says whose a row is, and why it is thought to be. */
export interface Owner {
  readonly column: string;
  readonly why: string;
  /** A table that the column seems to point to, though no foreign key says so. */
  readonly pointsTo: Reference | null;
}

/** Of all tables, the word by which most of them name their tenant; null if none does. */
export function commonTenantWord(relations: readonly Relation[]): string | null {
  const counted = tenantWords.map((word) => ({
    word,
    count: relations.filter(({ columns }) => columns.some(isTenantColumn(word))).length,
  }));
  const [most] = counted.sort((a, b) => b.count - a.count); // Stable: of equals the surest word.
  return most && most.count > 0 ? most.word : null;
}

/** Whose tenant a row is of, by the word that the database has for it. */
export function guessTenant(
  relation: Relation,
  word: string | null,
  all: readonly Relation[],
): Owner | null {
  if (word === null) return null;
  const column = relation.columns.find(isTenantColumn(word));
  if (column) return named(column, relation, { all, word, tenantWord: word });
  const key = ownKey(relation, word);
  if (!key || !isTableOf(relation.name, word)) return null;
  return { column: key.name, why: 'each row is a tenant', pointsTo: null };
}

/** Whom a row is about: a person who is the row, or one that it points to. */
export function guessSubject(
  relation: Relation,
  tenantWord: string | null,
  all: readonly Relation[],
): Owner | null {
  const key = ownKey(relation, tenantWord);
  if (key && looksLikePersons(relation.name))
    return {
      column: key.name,
      why: 'each row is a person, by the name of the table',
      pointsTo: null,
    };

  const candidates = relation.columns.filter(
    (column) => !isOfStaff(column.name) && !isOfTenant(column, tenantWord),
  );
  const pointing = new Set(pointingToPersons(relation, tenantWord, all));
  const declared = candidates.filter(({ name }) => pointing.has(name));
  const called = candidates.filter((column) => isPerson(personOf(column)));
  const found = surest(declared.filter((column) => called.includes(column))) ?? surest(declared);
  if (found) return { column: found.name, why: 'points to a table of persons', pointsTo: null };
  const sole = surest(called);
  return sole ? named(sole, relation, { all, word: personOf(sole), tenantWord }) : null;
}

/** The columns that hold the key of a person. Whoever points to another column of theirs is sealed under another name. */
function pointingToPersons(
  { foreignKeys }: Relation,
  tenantWord: string | null,
  all: readonly Relation[],
): readonly string[] {
  return foreignKeys.flatMap(({ to, columns }) => {
    const person = all.find((each) => tableName(each) === to && looksLikePersons(each.name));
    const key = person && ownKey(person, tenantWord);
    return columns.filter(([, there]) => there === key?.name).map(([here]) => here);
  });
}

/** One that always has a value is surer than one that may not. */
const surest = (columns: readonly Column[]): Column | undefined =>
  columns.find(({ notNull }) => notNull) ?? columns[0];

/** The only column of a primary key, the tenant's aside. */
function ownKey(relation: Relation, tenantWord: string | null): Column | null {
  const names = primaryKey(relation)?.columns ?? [];
  const key = relation.columns.filter(({ name }) => names.includes(name));
  const own = key.length > 1 ? key.filter((column) => !isOfTenant(column, tenantWord)) : key;
  return own.length === 1 ? (own[0] ?? null) : null;
}

const isTenantColumn = (word: string) => (column: Column) =>
  isKeyLike(column) && (stemOf(column.name) === word || wordsOf(column.name).join('_') === word);

const isOfTenant = (column: Column, word: string | null): boolean =>
  word !== null && isTenantColumn(word)(column);

/** The last word of what a column identifies: `customer` of `billing_customer_id`. */
const personOf = (column: Column): string =>
  isKeyLike(column) ? (stemOf(column.name)?.split('_').at(-1) ?? '') : '';

const isKeyLike = ({ family }: Column) =>
  family === 'number' || family === 'uuid' || family === 'text';

/** Who wrote or approved a row is not whom it is about. */
const isOfStaff = (name: string) =>
  /(?:^|_)by(?:_|$)|^(?:assignee|assigned|creator|editor|approver|reviewer|manager|agent|owner)(?:_|$)/.test(
    wordsOf(name).join('_'),
  );

interface Looking {
  readonly all: readonly Relation[];
  readonly word: string; // What the column identifies.
  readonly tenantWord: string | null;
}

/** Finds the table that a column means where no foreign key tells: the only one of that name, with such a key. */
function named(
  { name, type }: Column,
  relation: Relation,
  { all, word, tenantWord }: Looking,
): Owner {
  const isDeclared = relation.foreignKeys.some(({ columns }) =>
    columns.some(([here]) => here === name),
  );
  const found = all
    .filter(
      (other) =>
        other.schema === relation.schema &&
        tableName(other) !== tableName(relation) &&
        isTableOf(other.name, word),
    )
    .flatMap((other): readonly Reference[] => {
      const key = ownKey(other, tenantWord);
      return key?.type === type ? [{ table: tableName(other), column: key.name }] : [];
    });
  const pointsTo = isDeclared || found.length !== 1 ? null : (found[0] ?? null);
  return { column: name, why: 'by its name', pointsTo };
}
