import { expect, test } from 'vitest';
import { governedColumns } from '../../../contracts/contract.ts';
import type { TableContract } from '../../../contracts/contract.ts';
import { unchanged } from '../../../schemas/value.ts';
import { warehouse as openWarehouse, type WarehouseOptions } from '../../../sinks/clickhouse.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { sinkContract } from '../../sinks/sink-contract.ts';
import type { Harness } from '../../sinks/sink-contract.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import type { TextRow } from '../../sinks/values.ts';
import { servers } from '../servers.ts';
import { freshWarehouse } from './own-warehouse.ts';

/** A warehouse that takes changes as tests make them. */
const warehouse = async (options: WarehouseOptions) =>
  takingChanges(options.contracts, await openWarehouse(options));

/** As PostgreSQL would print it. */
function asPostgres(type: string, text: string): string {
  if (type.startsWith('timestamp')) {
    return text.replace(/\.?0+$/, '') + (type.endsWith('with time zone') ? '+00' : '');
  }
  return type === 'double precision' ? String(Number(text)) : text;
}

async function start(): Promise<Harness> {
  const { at, select, ...fresh } = await freshWarehouse();
  const rows = async (contract: TableContract): Promise<readonly TextRow[]> => {
    const columns = governedColumns(contract);
    const texts = columns.map(({ name, type }, n) => {
      const column = `\`${name.replaceAll('`', '\\`')}\``;
      const scale = /^numeric\(\d+,(\d+)\)/.exec(type)?.[1];
      return `${scale ? `toDecimalString(${column}, ${scale})` : `toString(${column})`} AS c${n}`;
    });
    const table = contract.table.split('.')[1];
    const found = await select<Record<string, string | null>>(
      `SELECT ${texts.join(', ')} FROM ${at.database}.${table}`,
    );
    return found.map((row) =>
      Object.fromEntries(
        columns.map(({ name, type }, n) => {
          const text = row[`c${n}`] ?? null;
          return [name, text === null ? null : asPostgres(type, text)];
        }),
      ),
    );
  };
  return {
    open: (contracts) => warehouse({ ...at, contracts }),
    rows,
    poison: async () => ({ id: 2n, name: 'bad', n: 'secret-value' }),
    needsBase: false,
    close: () => fresh[Symbol.asyncDispose](),
  };
}

sinkContract('ClickHouse', start);

const orders = contractOf('shop.orders', { id: 'bigint', note: 'text', day: 'date' });
const change = changesOf(orders);

test('the history keeps every change once, with all that is known of it', async () => {
  await using fresh = await freshWarehouse();
  await using sink = await warehouse({ ...fresh.at, contracts: [orders] });
  const batch = [
    change.insert([0x16_b374_d848, 0], { id: 1n, note: 'a', day: null }),
    change.update(0x16_b374_d849, { id: 1n, note: unchanged, day: '2026-11-21' }),
    change.delete(0x16_b374_d850, { id: 1n }),
    change.truncate(0x16_b374_d851),
  ];
  await fresh.command(`SYSTEM STOP MERGES ${fresh.at.database}.shop_orders_history`);
  await sink.write(batch);
  await sink.write(batch);
  const stored = await fresh.select(
    `SELECT count() AS n FROM ${fresh.at.database}.shop_orders_history`,
  );
  expect(stored).toEqual([{ n: 4 }]);

  await sink.write(batch.slice(0, 3));
  await sink.write(batch.slice(1));
  const rows = await fresh.select(`
    SELECT _op, _lsn, id, note, day, _unchanged, toString(_committed_at) AS committed, _provenance, _policy, _lane
    FROM ${fresh.at.database}.shop_orders_changes ORDER BY _lsn`);
  const all = {
    committed: '2026-11-21 05:00:00.123456',
    _provenance: 'test',
    _policy: 'p1',
    _lane: 0,
    _unchanged: [],
    note: null,
    day: null,
  };
  expect(rows).toEqual([
    { ...all, _op: 'insert', _lsn: 0x16_b374_d848, id: 1, note: 'a' },
    { ...all, _op: 'update', _lsn: 0x16_b374_d849, id: 1, day: '2026-11-21', _unchanged: ['note'] },
    { ...all, _op: 'delete', _lsn: 0x16_b374_d850, id: 1 },
    { ...all, _op: 'truncate', _lsn: 0x16_b374_d851, id: 0 },
  ]);
});

test('a column that a newer contract adds is added, and is null in what came before it', async () => {
  await using fresh = await freshWarehouse();
  const older = contractOf('shop.orders', { id: 'bigint', note: 'text' });
  await using first = await warehouse({ ...fresh.at, contracts: [older] });
  await first.write([changesOf(older).insert(1, { id: 1n, note: 'a' })]);
  await using sink = await warehouse({ ...fresh.at, contracts: [orders] });
  await sink.write([change.insert(2, { id: 2n, note: 'b', day: '2026-11-21' })]);
  expect(await fresh.select(`SELECT * FROM ${fresh.at.database}.shop_orders ORDER BY id`)).toEqual([
    { id: 1, note: 'a', day: null },
    { id: 2, note: 'b', day: '2026-11-21' },
  ]);
});

test('a row that is copied before anything was committed rests like the others', async () => {
  await using fresh = await freshWarehouse();
  await using sink = await warehouse({ ...fresh.at, contracts: [orders] });
  const copied = change.insert(1, { id: 1n, note: 'a', day: null });
  await sink.write([{ ...copied, committedAt: 0 }]);
  const history = `${fresh.at.database}.shop_orders_history`;
  expect(
    await fresh.select(`SELECT id, toString(_committed_at) AS committed FROM ${history}`),
  ).toEqual([{ id: 1, committed: '1970-01-01 00:00:00.000000' }]);
});

test('a date that ClickHouse would bend is refused instead', async () => {
  await using fresh = await freshWarehouse();
  await using sink = await warehouse({ ...fresh.at, contracts: [orders] });
  for (const day of ['1815-12-10', 'infinity', '0044-03-15 BC', '2300-01-01']) {
    await expect(sink.write([change.insert(1, { id: 1n, note: null, day })])).rejects.toMatchObject(
      {
        reason: 'rejected-by-sink',
        message: expect.stringMatching(/^table shop\.orders: column day (?!.*(1815|infinity|BC))/),
      },
    );
  }
});

test('a warehouse that cannot be opened says what, where and the fix', async () => {
  const { clickhouse: server } = await servers();
  const at = { ...server, database: 'nowhere', contracts: [orders] };
  await expect(warehouse({ ...at, url: 'http://127.0.0.1:1' })).rejects.toThrow(
    /cannot open the ClickHouse warehouse nowhere at http:\/\/127\.0\.0\.1:1 as .*ECONNREFUSED.*\n.*\n {2}fix: {3}start the server/,
  );
});

test('tables whose names would meet in the warehouse are told apart before anything is written', async () => {
  const { clickhouse: server } = await servers();
  const contracts = ['public.a_b', 'a.b'].map((table) => contractOf(table, { id: 'bigint' }));
  await expect(warehouse({ ...server, database: 'nowhere', contracts })).rejects.toThrow(
    /tables public\.a_b and a\.b would both be a_b/,
  );
});
