import { sql } from '@databases/pg';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kindOf } from '../../../schemas/avro.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import type { Value } from '../../../schemas/value.ts';
import { warehouse } from '../../../sinks/clickhouse.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { typeCases } from '../type-compounds.ts';
import { asCaptured, literal, typeDatabase } from '../type-stream.ts';
import { anyValues } from '../type-values.ts';
import { freshWarehouse } from './own-warehouse.ts';

let database: Awaited<ReturnType<typeof typeDatabase>>;
let fresh: Awaited<ReturnType<typeof freshWarehouse>>;

beforeAll(async () => {
  [database, fresh] = await Promise.all([typeDatabase(), freshWarehouse()]);
});

afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await fresh?.[Symbol.asyncDispose]();
});

/** As the server prints them. */
async function printed(type: string, texts: readonly string[]): Promise<readonly string[]> {
  const rows = (await asCaptured(database.db, (tx) =>
    tx.query(
      sql`SELECT ${sql.join(
        texts.map((text, n) => sql`${literal(text, type)}::text AS ${sql.ident(`c${n}`)}`),
        ', ',
      )}`,
    ),
  )) as [Record<string, string>];
  return texts.map((_, n) => rows[0][`c${n}`]!);
}

/** As a change has it. */
function valueOf(type: string, text: string): Value {
  const kind = kindOf(type);
  if (kind === 'long') return BigInt(text);
  if (kind === 'boolean') return text.startsWith('t');
  return ['int', 'float', 'double'].includes(kind) ? Number(text) : text;
}

/** What the warehouse has, as the server would print it. */
function asPrinted(type: string, text: string): string {
  const kind = kindOf(type);
  if (kind === 'float' || kind === 'double') {
    return same(type, { nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity' }[text] ?? text);
  }
  if (kind !== 'timestamp' && kind !== 'timestamptz') return text;
  return text.replace(/\.?0+$/, '') + (kind === 'timestamptz' ? '+00' : '');
}

let tables = 0;

/** Writes each value in a row of its own, and reads all of them back; null for what was refused. */
async function rested(type: string, texts: readonly string[]): Promise<readonly (string | null)[]> {
  const contract = contractOf(`public.t${++tables}`, { id: 'bigint', value: type });
  const change = changesOf(contract);
  await using sink = takingChanges(
    [contract],
    await warehouse({ ...fresh.at, contracts: [contract] }),
  );
  const batch = texts.map((text, n) =>
    change.insert(n + 1, { id: BigInt(n), value: valueOf(type, text) }),
  );
  try {
    await sink.write(batch);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    for (const each of batch) {
      await sink.write([each]).catch((own: unknown) => {
        if (!(own instanceof Refusal)) throw own;
        expect(own.message).not.toContain(String(each.after!['value']));
      });
    }
  }
  const scale = scaleOf(type);
  const table = `${fresh.at.database}.t${tables}_history`;
  const read =
    scale === undefined ? 'toString(value)' : `toDecimalString(assumeNotNull(value), ${scale})`;
  const rows = await fresh.select<{ id: string; value: string }>(
    `SELECT toString(id) AS id, ${read} AS value FROM ${table}`,
  );
  const found = new Map(rows.map(({ id, value }) => [Number(id), asPrinted(type, value)]));
  return texts.map((_, n) => found.get(n) ?? null);
}

/** Of a number that ClickHouse keeps as a decimal: it has room for more digits than Avro. */
function scaleOf(type: string): number | undefined {
  const [, precision, scale = '0'] = /^numeric\((\d+)(?:,(\d+))?\)$/.exec(type) ?? [];
  return precision !== undefined && +precision <= 76 && +scale <= +precision ? +scale : undefined;
}

/** A float by its value: the two write one number differently. */
function same(type: string, text: string): string {
  const kind = kindOf(type);
  if (kind === 'double') return `${Number(text)}`;
  return kind === 'float' ? `${Math.fround(Number(text))}` : text;
}

/** What ClickHouse has no place for: a day before 1900 or after 2299, and what is no number. */
const hasNoPlace = (type: string, text: string): boolean => {
  const kind = kindOf(type);
  if (scaleOf(type) !== undefined) return !/^-?\d/.test(text);
  if (!['date', 'timestamp', 'timestamptz'].includes(kind)) return false;
  return !/^(19|2[012])\d\d-/.test(text) || text.endsWith('BC');
};

async function expectExact(type: string, texts: readonly string[]): Promise<void> {
  const shown = await printed(type, texts);
  const expected = shown.map((text) => (hasNoPlace(type, text) ? null : same(type, text)));
  expect(await rested(type, shown), type).toEqual(expected);
}

test('every type rests as the server prints it, or is refused where ClickHouse has no place for it', async () => {
  for (const { type, values } of typeCases) {
    if (values.length > 0) await expectExact(type, values);
  }
}, 120_000);

test('any value of a type rests exactly', async () => {
  printSeed();
  for (const { type, value } of anyValues) {
    await expectExact(type, fc.sample(value, { numRuns: 150, seed }));
  }
}, 120_000);
