import { type ConnectionPool, sql } from '@databases/pg';
import fc from 'fast-check';
import { from, lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { into } from '../../../pipelines/flow/into.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { Governed } from '../../../schemas/change.ts';
import { unchanged } from '../../../schemas/value.ts';
import { mirror } from '../../../sinks/postgres.ts';
import { ListDoor } from '../../doubles.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import { freshMirror } from './fresh-mirror.ts';

const people = contractOf('shop.people', { id: 'bigint', email: 'text', note: 'text' });
const change = changesOf(people);

/** A mirror whose people have an email each of their own, as somebody has added it there. */
async function openPeople() {
  const fresh = await freshMirror([people]);
  await fresh.db.query(sql`ALTER TABLE shop.people ADD CONSTRAINT own_email UNIQUE (email),
    ALTER COLUMN email SET NOT NULL,
    ADD COLUMN length int GENERATED ALWAYS AS (length(email)) STORED, ADD COLUMN since timestamptz DEFAULT now()`);
  const emails = async () =>
    Object.fromEntries(
      (await fresh.db.query(sql`SELECT id::text, email FROM shop.people`)).map(
        ({ id, email }) => [id, email] as const,
      ),
    ) as Readonly<Record<string, string>>;
  return { ...fresh, emails };
}

test('rows that exchange a unique value in a batch, in either order, or across a delete, come to rest', async () => {
  await using t = await openPeople();
  const insert = (at: number, id: bigint, email: string) =>
    change.insert(at, { id, email, note: `note ${id}` });
  await t.sink.write([insert(1, 1n, 'a'), insert(2, 2n, 'b'), insert(3, 3n, 'c')]);
  // An exchange; the source went by a third value, of which a batch tells no more.
  await t.sink.write([
    change.update(4, { id: 1n, email: 'b', note: unchanged }),
    change.update(5, { id: 2n, email: 'a', note: unchanged }),
  ]);
  expect(await t.emails()).toEqual({ 1: 'b', 2: 'a', 3: 'c' });
  // One takes what another has given up before it, and one what another gives up only after it in the batch.
  await t.sink.write([
    change.update(7, { id: 2n, email: 'c', note: unchanged }),
    change.update(6, { id: 3n, email: 'd', note: unchanged }),
    change.update(9, { id: 1n, email: 'a', note: unchanged }),
  ]);
  expect(await t.emails()).toEqual({ 1: 'a', 2: 'c', 3: 'd' });
  // Another key has the value of one that is deleted, in the same batch.
  await t.sink.write([insert(11, 4n, 'd'), change.delete(10, { id: 3n }), insert(12, 5n, 'e')]);
  expect(await t.emails()).toEqual({ 1: 'a', 2: 'c', 4: 'd', 5: 'e' });
  const kept = await t.db.query(
    sql`SELECT id::text, note, length, since IS NOT NULL AS dated FROM shop.people ORDER BY 1`,
  );
  expect(kept).toEqual(
    ['1', '2', '4', '5'].map((id) => ({ id, note: `note ${id}`, length: 1, dated: true })),
  );
  const [{ left }] = await t.db.query(
    sql`SELECT count(*)::int AS left FROM pg_class WHERE relname = 'conductor_apart'`,
  );
  expect(left).toBe(0);
});

/** A mirror of people with an email each, written by who may make no temporary tables. */
async function withoutTemporary(
  write: (sink: Sink<Governed>, db: ConnectionPool) => Promise<void>,
) {
  await using fresh = await freshMirror([]);
  const { database } = fresh.at;
  const user = `plain_${database}`;
  await fresh.db.query([
    sql`CREATE ROLE ${sql.ident(user)} LOGIN PASSWORD 'pw'`,
    sql`GRANT CREATE ON DATABASE ${sql.ident(database)} TO ${sql.ident(user)}`,
    sql`GRANT USAGE, CREATE ON SCHEMA public TO ${sql.ident(user)}`,
    sql`REVOKE TEMPORARY ON DATABASE ${sql.ident(database)} FROM PUBLIC`,
    ...(['cdc_offsets', 'cdc_dedupe'] as const).map(
      (book) => sql`ALTER TABLE IF EXISTS ${sql.ident(book)} OWNER TO ${sql.ident(user)}`,
    ),
  ]);
  try {
    const at = { ...fresh.at, user, password: 'pw', contracts: [people] };
    await using sink = takingChanges([people], await mirror(at));
    await fresh.db.query(sql`ALTER TABLE shop.people ADD UNIQUE (email)`);
    await sink.write([
      change.insert(1, { id: 1n, email: 'a', note: null }),
      change.insert(2, { id: 2n, email: 'b', note: null }),
    ]);
    await write(sink, fresh.db);
  } finally {
    await fresh.db.query([
      sql`DROP OWNED BY ${sql.ident(user)} CASCADE`,
      sql`DROP ROLE ${sql.ident(user)}`,
    ]);
  }
}

const exchange = [
  change.update(3, { id: 1n, email: 'b', note: null }),
  change.update(4, { id: 2n, email: 'a', note: null }),
];

test('who may not make temporary tables has rows exchange a unique value all the same, and leaves nothing behind', async () => {
  await withoutTemporary(async (sink, db) => {
    await sink.write(exchange);
    expect(await db.query(sql`SELECT email FROM shop.people ORDER BY id`)).toEqual([
      { email: 'b' },
      { email: 'a' },
    ]);
    const [{ left }] = await db.query(
      sql`SELECT count(*)::int AS left FROM pg_class WHERE relname LIKE 'conductor_apart%'`,
    );
    expect(left).toBe(0);
  });
});

test('who may make no table at all is told which right is missing', async () => {
  await withoutTemporary(async (sink, db) => {
    await db.query(sql`ALTER SCHEMA shop OWNER TO CURRENT_USER`);
    const [{ user, database }] = await db.query(
      sql`SELECT tableowner::text AS user, current_database()::text AS database FROM pg_tables WHERE tablename = 'people'`,
    );
    await db.query(sql`GRANT USAGE ON SCHEMA shop TO ${sql.ident(user)}`);
    const refused = sink.write(exchange).catch((error: unknown) => error);
    expect(await refused).toMatchObject({
      name: 'CannotRun',
      trouble: { fix: `GRANT TEMPORARY ON DATABASE "${database}" TO "${user}"` },
    });
  });
});

test('a row in the way of one that is not in the batch is refused, and named by its constraint', async () => {
  await using t = await openPeople();
  await t.sink.write([change.insert(1, { id: 1n, email: 'a', note: null })]);
  await expect(
    t.sink.write([change.insert(2, { id: 2n, email: 'a', note: null })]),
  ).rejects.toThrow(/^table shop\.people: SQLSTATE 23505 \(constraint own_email\)$/);
  expect(await t.emails()).toEqual({ 1: 'a' });
});

test('rows that others point at are not taken out: what was cascaded would be lost', async () => {
  await using t = await openPeople();
  await t.sink.write([
    change.insert(1, { id: 1n, email: 'a', note: null }),
    change.insert(2, { id: 2n, email: 'b', note: null }),
  ]);
  await t.db.query(
    sql`CREATE TABLE pets AS SELECT 1::bigint AS owner; ALTER TABLE pets ADD FOREIGN KEY (owner) REFERENCES shop.people ON DELETE CASCADE`,
  );
  const write = t.sink.write([
    change.update(3, { id: 1n, email: 'b', note: null }),
    change.update(4, { id: 2n, email: 'a', note: null }),
  ]);
  await expect(write).rejects.toThrow(/23505/);
  expect(await t.db.query(sql`SELECT owner::text FROM pets`)).toEqual([{ owner: '1' }]);
});

test('whatever rows exchange within a batch, and whatever poison is among them, only the poison is refused', async () => {
  await using t = await openPeople();
  await t.db.query(sql`ALTER TABLE shop.people ADD CHECK (note <> 'poison')`);
  const emails = fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e', 'f'], { minLength: 6 });
  const steps = fc.array(fc.tuple(emails, fc.nat({ max: 6 }), fc.option(fc.nat({ max: 5 }))), {
    minLength: 1,
    maxLength: 4,
  });
  type Step = [emails: string[], people: number, poison: number | null];
  const ring = (own: string, poison: number | null): Step => [own.split(''), 6, poison];
  let at = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (transactions) => {
      await t.sink.write([change.truncate(++at)]);
      for (const [own, count, poison] of transactions) {
        // Each transaction says of all six people who they are now: some are gone, the others permuted.
        const lsn = ++at;
        const batch: Governed[] = own.map((email, id) => {
          const position = { timeline: 1, lsn: BigInt(lsn), seq: id, part: 0 };
          const key = { id: BigInt(id) };
          const row =
            id < count
              ? change.insert(lsn, { ...key, email, note: 'fine' })
              : change.delete(lsn, key);
          return { ...row, position };
        });
        const bad = { id: 9n, email: 'z', note: 'poison' };
        if (poison !== null) batch.splice(poison, 0, change.insert(lsn, bad));
        const door = new ListDoor<Governed>();
        const envelope = { values: batch, settle: () => {} };
        const writing = from([envelope]).pipe(into(t.sink, { size: 100, lingerMs: 0 }, door));
        await lastValueFrom(writing, { defaultValue: 0 });
        expect(door.refused.map(({ key }) => key)).toEqual(poison === null ? [] : [{ id: 9n }]);
        expect(await t.emails()).toEqual(Object.fromEntries(own.slice(0, count).entries()));
      }
    }),
    // A ring of six cut apart by one poison: no single one of the seven can be written.
    { numRuns: 60, examples: [[[ring('abdfce', null), ring('becdaf', 0)]]] },
  );
}, 300_000);
