import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { type Random, seeded } from '../../../ops/demo/random.ts';

/** How transactions are made up. */
export interface Workload {
  readonly seed: number;
  readonly schema: string;
  readonly bulk?: number; // The most rows of one statement.
  readonly ddl?: boolean;
  readonly twoPhase?: boolean;
}

type Statement = string;

const text = (random: Random): string =>
  random.pick(["'it''s'", "''", "'Größe 🦊'", 'NULL', String.raw`E'a\tb\nc\\'`, "'NULL'"]);

const long = (random: Random): string =>
  `repeat('${random.pick(['a', 'ö', 'xyz'])}${random.below(1_000)}', ${1_000 + random.below(2_000)})`;

const thing = (random: Random): string => {
  const price = random.pick(['NULL', '0', '-0.05', `${random.below(1_000_000)}.99`]);
  const at = random.pick(["'infinity'", "'0044-03-15 10:00 BC'", 'clock_timestamp()']);
  return `7, ${random.below(100)}, ${price}, ${at}, ARRAY[${text(random)}, 'b']`;
};

function ofThings(random: Random, bulk: number): Statement {
  const id = 1 + random.below(60);
  const some = 1 + random.below(bulk);
  return random.pick([
    `INSERT INTO things VALUES (${id}, ${thing(random)}) ON CONFLICT (id) DO UPDATE SET n = things.n + 1, tags = excluded.tags`,
    `UPDATE things SET n = n + 1, at = clock_timestamp() WHERE id = ${id}`,
    `DELETE FROM things WHERE id = ${id}`,
    `UPDATE things SET id = id + 60 WHERE id = ${id}`,
    `UPDATE things SET id = id - 60 WHERE id = ${id + 60}`,
    `INSERT INTO things SELECT g, 7, g % 9, g, now(), NULL FROM generate_series(1000, ${1_000 + some}) g ON CONFLICT (id) DO UPDATE SET n = things.n + 1`,
    `UPDATE things SET price = price + 0.01 WHERE id BETWEEN 1000 AND ${1_000 + some}`,
    `DELETE FROM things WHERE id BETWEEN 1000 AND ${1_000 + random.below(some)}`,
  ]);
}

function ofPapers(random: Random): Statement {
  const where = `shelf = ${random.below(4)} AND title = 't${random.below(5)}'`;
  return random.pick([
    `INSERT INTO papers VALUES (${random.below(4)}, 't${random.below(5)}', '{"a": [1, 2.50, null]}', ${long(random)}) ON CONFLICT DO NOTHING`,
    `UPDATE papers SET meta = '{"n": ${random.below(9)}}' WHERE ${where}`,
    `UPDATE papers SET shelf = ${random.below(4)}, title = 't${random.below(5)}' WHERE ${where}`,
    `DELETE FROM papers WHERE ${where}`,
  ]);
}

function ofNotes(random: Random): Statement {
  const id = random.below(20);
  return random.pick([
    `INSERT INTO notes VALUES (${id}, 0, ${long(random)}) ON CONFLICT (id) DO UPDATE SET n = notes.n + 1`,
    `UPDATE notes SET n = n + 1 WHERE id = ${id}`,
    `UPDATE notes SET body = ${random.pick(['NULL', long(random)])} WHERE id = ${id}`,
    `DELETE FROM notes WHERE id = ${id}`,
  ]);
}

const ofForms = (random: Random): Statement =>
  random.pick([
    'ALTER TABLE things ADD COLUMN IF NOT EXISTS colour text',
    'ALTER TABLE things DROP COLUMN IF EXISTS colour',
    'ALTER TABLE notes ALTER COLUMN n SET DEFAULT 3',
  ]);

const ofEvents = (random: Random, schema: string): Statement =>
  `SELECT pg_logical_emit_message(${random.pick(['true', 'true', 'false'])}, '${random.pick([`${schema}.events`, 'not ours'])}', '{"id": ${random.below(30)}, "what": "w"}')`;

/** One transaction: its statements up to its end, whatever the end is. */
function transaction(
  random: Random,
  { schema, bulk = 50, ddl, twoPhase }: Workload,
): readonly Statement[] {
  const statement = (): Statement => {
    const kind = random.below(100);
    if (kind < 50) return ofThings(random, bulk);
    if (kind < 70) return ofPapers(random);
    if (kind < 88) return ofNotes(random);
    if (kind < 95) return ofEvents(random, schema);
    if (kind < 97) return `TRUNCATE ${random.pick(['things', 'papers', 'things, notes'])}`;
    return ddl ? ofForms(random) : ofThings(random, bulk);
  };
  const many = (count: number) => Array.from({ length: 1 + random.below(count) }, statement);
  const parts: Statement[] = many(5);
  while (random.chance(0.3)) {
    const name = `s${random.below(1_000)}`;
    const end = random.pick([`ROLLBACK TO ${name}`, `RELEASE ${name}`]);
    parts.push(`SAVEPOINT ${name}`, ...many(4), end, ...many(2));
  }
  if (twoPhase && random.chance(0.3)) {
    const name = `'${schema}_${random.below(2 ** 30)}'`;
    const messages = (each: Statement) => !each.startsWith('SELECT');
    return [
      'BEGIN',
      ...parts.filter(messages),
      `PREPARE TRANSACTION ${name}`,
      `${random.pick(['COMMIT', 'COMMIT', 'ROLLBACK'])} PREPARED ${name}`,
    ];
  }
  return ['BEGIN', ...parts, random.chance(0.8) ? 'COMMIT' : 'ROLLBACK'];
}

/** A session that writes one transaction after the other until it is stopped. */
export interface Writer extends AsyncDisposable {
  /** Runs transactions; what a conflict aborts is gone, as it would be for anybody. */
  run(count: number): Promise<void>;
}

export async function writerTo(url: string, workload: Workload): Promise<Writer> {
  const random = seeded(workload.seed);
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // Its next query says so.
  await client.connect();
  return {
    async run(count) {
      for (let each = 0; each < count; each++) await tried(client, transaction(random, workload));
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function tried(client: pg.Client, statements: readonly Statement[]): Promise<void> {
  try {
    for (const statement of statements) await client.query(statement);
  } catch (error) {
    // A key that is there, a deadlock, a name that another session took: part of the traffic.
    if (!(error instanceof pg.DatabaseError) || !/^(23|40|42|25)/.test(error.code ?? ''))
      throw error;
    await client.query('ROLLBACK');
  }
}

/** Writes, no faster than a busy shop would, until something has happened, and once more. */
export async function writeUntil<T>(
  writer: Writer,
  happened: Promise<T>,
  patienceMs = 90_000,
): Promise<T> {
  let over = false;
  const result = happened.finally(() => (over = true));
  const begunMs = performance.now();
  while (!over) {
    if (performance.now() - begunMs > patienceMs) throw new Error('nothing has happened');
    await writer.run(1);
    await wait(10);
  }
  await writer.run(1);
  return result;
}
