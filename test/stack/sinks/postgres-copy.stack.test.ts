import { sql } from '@databases/pg';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import { kindOf } from '../../../schemas/avro.ts';
import type { Governed } from '../../../schemas/change.ts';
import type { GovernedRecord } from '../../../schemas/governed-record.ts';
import { type Row, unchanged, type Value } from '../../../schemas/value.ts';
import { openTables } from '../../../sinks/postgres-tables.ts';
import { Sorter } from '../../../sinks/postgres-sort.ts';
import { valuesOf } from '../../schemas/arbitrary.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { recording } from '../../sinks/taking-changes.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { heldBy, twoMirrors } from './two-mirrors.ts';

let mirrors: Awaited<ReturnType<typeof twoMirrors>>;
beforeAll(async () => {
  printSeed();
  mirrors = await twoMirrors();
});
afterAll(() => mirrors[Symbol.asyncDispose]());

const decimals = (digits: number, scale: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.bigInt({ min: -(10n ** BigInt(digits)) + 1n, max: 10n ** BigInt(digits) - 1n }),
      fc.constantFrom(0n, 1n, -1n, 10n ** BigInt(digits) - 1n, 1n - 10n ** BigInt(digits)),
      fc
        .tuple(fc.nat(digits - 1), fc.integer({ min: -9_999, max: 9_999 }))
        .map(([zeros, few]) => (BigInt(few) * 10n ** BigInt(zeros)) % 10n ** BigInt(digits)),
    )
    .map((unscaled) => {
      const text = `${unscaled < 0n ? -unscaled : unscaled}`.padStart(scale + 1, '0');
      const point = text.length - scale;
      const placed = scale === 0 ? text : `${text.slice(0, point)}.${text.slice(point)}`;
      return unscaled < 0n ? `-${placed}` : placed;
    });

/** Types of the source, with values that they have; and of each, other types that a mirror may have in its place. */
const types: Readonly<Record<string, { values?: fc.Arbitrary<Value>; others: readonly string[] }>> =
  {
    smallint: {
      values: fc.integer({ min: -32_768, max: 32_767 }),
      others: ['text', 'numeric', 'oid'],
    },
    integer: { others: ['bigint', 'smallint', 'text', 'numeric(12,2)', 'double precision'] },
    bigint: { others: ['integer', 'text', 'numeric'] },
    oid: { values: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), others: ['bigint', 'text'] },
    real: { others: ['double precision', 'text', 'numeric'] },
    'double precision': { others: ['real', 'text'] },
    boolean: { others: ['text'] },
    text: { others: ['character varying(3)', 'character(4)', 'name', 'bytea'] },
    'character varying(20)': { values: fc.string({ maxLength: 20 }), others: ['text'] },
    'character(4)': { values: fc.string({ maxLength: 4 }), others: ['text'] },
    bytea: { others: ['text'] },
    uuid: { others: ['text'] },
    date: { others: ['text', 'timestamp without time zone'] },
    'time without time zone': { others: ['text', 'time(2) without time zone', 'interval'] },
    'timestamp without time zone': { others: ['timestamp(2) without time zone', 'text', 'date'] },
    'timestamp with time zone': { others: ['timestamp(0) with time zone', 'text'] },
    'numeric(12,2)': { others: ['numeric', 'numeric(10,1)', 'numeric(4,0)', 'text'] },
    'numeric(38,10)': { values: decimals(38, 10), others: ['numeric(38,9)', 'text'] },
    'numeric(38,38)': { values: decimals(38, 38), others: ['numeric'] },
    'numeric(20,0)': { values: decimals(20, 0), others: ['bigint', 'numeric(22,2)'] },
    'numeric(7,7)': { values: decimals(7, 7), others: ['real'] },
    numeric: {
      values: fc.oneof(decimals(60, 17), fc.constantFrom('NaN', 'Infinity', '1e-300')),
      others: ['text'],
    },
    jsonb: { values: fc.json({ stringUnit: 'grapheme-ascii' }), others: ['json', 'text'] },
    json: { values: fc.json({ stringUnit: 'grapheme-ascii' }), others: ['jsonb'] },
    'text[]': {
      values: fc.constantFrom('{}', '{a,NULL,"b c"}', '{"\\"","\\\\"}'),
      others: ['text'],
    },
    'integer[]': { values: fc.constantFrom('{1,2}', '{NULL,-3}'), others: ['text'] },
    interval: {
      values: fc.constantFrom('1 day', '-00:00:01.5', '3 mons 2 days'),
      others: ['text'],
    },
    inet: { values: fc.constantFrom('10.0.0.1', '::1', '10.0.0.0/8'), others: ['cidr', 'text'] },
    int4range: { values: fc.constantFrom('[1,5)', 'empty', '(,3)'), others: ['text'] },
    xml: { values: fc.constantFrom('<a>1</a>', 'plain'), others: ['text'] },
  };

const valuesOfType = (type: string): fc.Arbitrary<Value> =>
  types[type]?.values ?? valuesOf(kindOf(type));

/** Positions ever greater: what a test writes is newer than all before. */
let lsn = 1_000;
const next = () => (lsn += 8);
let serial = 0;

type Sinks = readonly [Sink<GovernedRecord>, Sink<GovernedRecord>];

/** Both mirrors, open; the work is done with them, and they are closed. */
async function withMirrors(
  contracts: readonly TableContract[],
  work: (sinks: Sinks) => Promise<void>,
): Promise<void> {
  await using asChanges = await mirrors.asChanges.open(contracts);
  await using byCopy = await mirrors.byCopy.open(contracts);
  await work([asChanges, byCopy]);
}

/** Writes a batch to both mirrors, and expects that both say and hold the same. What is late may heal what was wrong before. */
async function expectSame(
  sinks: Sinks,
  { table }: TableContract,
  batch: readonly GovernedRecord[],
) {
  const [told, copied] = await Promise.all(
    sinks.map((sink) => sink.write(batch).then(() => 'written', String)),
  );
  expect(copied).toBe(told);
  const held = await heldBy(mirrors.asChanges, table);
  expect(await heldBy(mirrors.byCopy, table)).toEqual(held);
  return { held, isWritten: told === 'written' };
}

test.each(Object.entries(types))(
  'a %s rests as it would had it been written as a value, whatever type the mirror has for it',
  async (type, { others }) => {
    const contracts = [type, ...others].map((mirrored, index) => ({
      mirrored,
      contract: contractOf(`public.t${++serial}_${index}`, { id: 'bigint', v: type }),
    }));
    for (const { db } of [mirrors.asChanges, mirrors.byCopy])
      for (const { mirrored, contract } of contracts)
        await db.query(
          sql`CREATE TABLE ${sql.__dangerous__rawValue(
            `${contract.table} (id bigint PRIMARY KEY, v ${mirrored}, _position text COLLATE "C" NOT NULL)`,
          )}`,
        );
    const value = fc.oneof({ weight: 6, arbitrary: valuesOfType(type) }, fc.constant(null));
    const many = fc.array(value, { minLength: 1, maxLength: 12 });
    await withMirrors(
      contracts.map(({ contract }) => contract),
      (sinks) =>
        fc.assert(
          fc.asyncProperty(many, fc.constantFrom(...contracts), async (values, { contract }) => {
            const change = changesOf(contract);
            const record = recording([contract]);
            const rows = () =>
              values.map((v) => record(change.insert(next(), { id: BigInt(next()), v })));
            const { isWritten } = await expectSame(sinks, contract, rows());
            if (!isWritten) for (const row of rows()) await expectSame(sinks, contract, [row]);
          }),
          { seed, numRuns: 12 },
        ),
    );
  },
  120_000,
);

test('rows of every kind are copied, whatever they hold but a text that stands for no value of their kind', async () => {
  const columns = Object.fromEntries(Object.keys(types).map((type, at) => [`c${at}`, type]));
  const contract = contractOf(`public.t${++serial}`, { id: 'bigint', ...columns });
  const { tables } = await openTables(mirrors.byCopy.db, [contract], new Map(), 30_000);
  const change = changesOf(contract);
  const record = recording([contract]);
  const strange = / BC$|^NaN$|^24:00:00|^12345678901.00$|^1\.5$|^5874897-|^294276-/;
  const row = fc.record(
    Object.fromEntries(
      Object.entries(columns).map(([name, type]) => [
        name,
        fc.option(valuesOfType(type).filter((value) => !strange.test(String(value)))),
      ]),
    ),
  );
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
      const records = rows.map((each, id) =>
        record(change.insert(id + 1, { id: BigInt(id), ...each })),
      );
      const [sorted] = new Sorter(tables, 1).sort(records);
      expect(sorted?.others.length).toBe(0);
      expect(sorted?.copies.map(({ count }) => count)).toEqual([rows.length]);
    }),
    { seed, numRuns: 200 },
  );
});

type Step =
  | { readonly op: 'insert' | 'delete'; readonly id: number }
  | { readonly op: 'update'; readonly id: number; readonly left: 'nothing' | 'a' | 'b' }
  | { readonly op: 'truncate' };

const id = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('insert' as const), id }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('update' as const),
      id,
      left: fc.constantFrom('nothing', 'nothing', 'a', 'b'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('delete' as const), id }) },
  { weight: 2, arbitrary: fc.constant({ op: 'truncate' as const }) },
);

test('whatever changes come, in whatever batches, late and twice: what is copied rests as what is not', async () => {
  const history = fc.array(step, { minLength: 4, maxLength: 20 });
  const cuts = fc.array(fc.tuple(fc.nat(19), fc.nat(6)), { minLength: 2, maxLength: 10 });
  let tombstones = 0;
  await fc.assert(
    fc.asyncProperty(history, cuts, async (steps, batches) => {
      const contract = contractOf(`public.t${++serial}`, { id: 'bigint', a: 'text', b: 'integer' });
      const record = recording([contract]);
      const records = steps.map((each) => record(changeOfStep(contract, each)));
      const inOrder = [records.slice(0, 9), records.slice(9)];
      const anyhow = batches.map(([from, count]) => records.slice(from, from + count));
      await withMirrors([contract], async (sinks) => {
        for (const batch of [...anyhow, ...inOrder, records].filter(({ length }) => length > 0)) {
          const { held } = await expectSame(sinks, contract, batch);
          tombstones += held.filter((row) => row.startsWith(`cdc_dedupe`)).length;
        }
      });
    }),
    { seed, numRuns: 40 },
  );
  expect(tombstones).toBeGreaterThan(0);
}, 300_000);

function changeOfStep(contract: TableContract, each: Step): Governed {
  const change = changesOf(contract);
  if (each.op === 'truncate') return change.truncate(next());
  const key = { id: BigInt(each.id) };
  const lane = each.id % 3;
  if (each.op === 'delete') return { ...change.delete(next(), key), lane };
  const at = next();
  const row: Row = { ...key, a: `at ${at}`, b: at };
  const left = each.op === 'update' ? each.left : 'nothing';
  return { ...change[each.op](at, left === 'nothing' ? row : { ...row, [left]: unchanged }), lane };
}

test('rows that a truncate in another lane took away are not copied, new as they are in their own', async () => {
  const contract = contractOf(`public.t${++serial}`, { id: 'bigint', a: 'text' });
  const record = recording([contract]);
  const change = changesOf(contract);
  const early = next();
  const row = (id: bigint, at: number) => record({ ...change.insert(at, { id, a: 'a' }), lane: 7 });
  const truncate = record(change.truncate(next()));
  await withMirrors([contract], async (sinks) => {
    await expectSame(sinks, contract, [truncate]);
    const { held } = await expectSame(sinks, contract, [row(1n, early), row(2n, next())]);
    expect(held.filter((each) => each.startsWith(contract.table))).toHaveLength(1);
  });
});
