import { type Queryable, sql } from '@databases/pg';
import { CannotRun } from '../contracts/cannot-run.ts';
import {
  findLetters,
  type FoundLetter,
  letterColumns,
  type LetterFilter,
} from './letter-search.ts';

/** The letters that a filter means, and what must go with them. */
export interface Chosen {
  readonly letters: readonly FoundLetter[];
  readonly waiting: ReadonlySet<FoundLetter>; // Held for an earlier letter that is open and not among these.
}

/** More are not brought again at once: they are in memory while it is looked what becomes of them. */
const most = 200_000;

/**
 * Finds letters. With a letter goes what was held for it: of a key nothing comes again before what is older, and nothing
 * is left behind that only waited for it.
 */
export async function chooseLetters(db: Queryable, filter: LetterFilter): Promise<Chosen> {
  const found = await findLetters(db, filter, most + 1);
  if (found.length > most)
    throw new CannotRun({
      what: `more than ${most} letters are of that kind`,
      where: 'conductor_letters in state.url',
      fix: 'take fewer at once: --until 2026-11-27T03:00Z, --table, --reason',
    });
  const keyed = await openOfKeys(
    db,
    found.flatMap(({ keyHash }) => keyHash ?? []),
  );
  const own = new Set(found.map(nameOf));
  const keys = new Set(found.map(keyOf));
  const followers = keyed.filter(
    (letter) => letter.reason === 'held' && keys.has(keyOf(letter)) && !own.has(nameOf(letter)),
  );
  const letters = [...found, ...followers];
  const blocked = new Set(
    keyed.filter((letter) => letter.reason !== 'held' && !own.has(nameOf(letter))).map(keyOf),
  );
  const waiting = letters.filter(
    (letter) => letter.reason === 'held' && blocked.has(keyOf(letter)),
  );
  return { letters, waiting: new Set(waiting) };
}

const openOfKeys = async (
  db: Queryable,
  hashes: readonly string[],
): Promise<readonly FoundLetter[]> =>
  (await db.query(sql`
    SELECT ${letterColumns}
    FROM conductor_letters
    WHERE state = 'open' AND key_hash = ANY (${[...new Set(hashes)]}::text[])`)) as readonly FoundLetter[];

const nameOf = ({ topic, id }: FoundLetter): string => `${topic}/${id}`;

const keyOf = ({ pipeline, table, keyHash, id }: FoundLetter): string =>
  JSON.stringify(keyHash === null ? [pipeline, id] : [pipeline, table, keyHash]);
