import { expect, test } from 'vitest';
import { changesOfColumns } from '../../sinks/clickhouse-changes.ts';
import { definitionsOf, definitionsOfWarehouse } from '../../sinks/clickhouse-definitions.ts';
import { warehousePlace } from '../../sinks/clickhouse-place.ts';
import { ownColumns, warehouseTables } from '../../sinks/clickhouse-tables.ts';
import { contractOf } from './changes.ts';

const tableOf = (columns: Readonly<Record<string, string>>) =>
  warehouseTables([contractOf('shop.orders', columns)]).get('shop.orders')!;
const orders = tableOf({ id: 'bigint', amount: 'numeric(12,2)' });
const own = Object.entries(ownColumns);

// No cluster is at hand to run this on: what is held here is the text alone.
test('on a cluster a history is replicated on each shard, a lane on one of them, under one name', () => {
  const place = warehousePlace('governed', 'events');
  const [local = '', distributed = '', ...others] = definitionsOf(place, orders);
  expect(others).toEqual([]);
  expect(local).toMatch(
    /^CREATE TABLE IF NOT EXISTS governed\.shop_orders_history_local ON CLUSTER events \(/,
  );
  expect(local).toContain('ENGINE = ReplicatedReplacingMergeTree\n');
  expect(local).toContain('SETTINGS replicated_deduplication_window');
  expect(distributed).toMatch(
    /^CREATE TABLE IF NOT EXISTS governed\.shop_orders_history ON CLUSTER events \(/,
  );
  expect(distributed).toMatch(
    /ENGINE = Distributed\('events', 'governed', 'shop_orders_history_local', _lane\)$/,
  );
  const [database, writers] = definitionsOfWarehouse(place);
  expect(database).toBe('CREATE DATABASE IF NOT EXISTS governed ON CLUSTER events');
  // Without {shard}: all servers have all claims.
  expect(writers).toContain(
    `ReplicatedReplacingMergeTree('/clickhouse/tables/governed/conductor_writers', '{shard}-{replica}', epoch)`,
  );
});

test('on a cluster what was claimed, what rests and what runs is asked of all servers', () => {
  const place = warehousePlace('governed', 'events');
  expect(place.all('conductor_writers')).toBe(
    `clusterAllReplicas('events', 'governed', 'conductor_writers')`,
  );
  expect(place.resting('shop_orders_history')).toContain(`'shop_orders_history_local')`);
  expect(place.processes).toBe(`clusterAllReplicas('events', system.processes)`);
});

test('on one server there is one table, and nothing of a cluster', () => {
  const place = warehousePlace('governed', null);
  const definitions = [...definitionsOf(place, orders), ...definitionsOfWarehouse(place)];
  expect(definitions).toHaveLength(3);
  expect(definitions.join('\n')).not.toMatch(/CLUSTER|Replicated|Distributed/);
});

const changes = (resting: Readonly<Record<string, string>>, cluster: string | null = null) =>
  changesOfColumns(
    warehousePlace('governed', cluster),
    orders,
    new Map([...own, ...Object.entries(resting)]),
  );

test('what rests as its contract says is left alone', () => {
  expect(changes({ id: 'Int64', amount: 'Nullable(Decimal(12, 2))' })).toEqual([]);
});

test('a history of before gains what it lacks, the offset too, on all of a cluster', () => {
  const old = new Map([...own, ['id', 'Int64']] as const);
  old.delete('_offset');
  expect(changesOfColumns(warehousePlace('governed', 'events'), orders, old)).toEqual(
    ['shop_orders_history_local', 'shop_orders_history'].flatMap((name) => [
      `ALTER TABLE governed.${name} ON CLUSTER events ADD COLUMN IF NOT EXISTS amount Nullable(Decimal(12, 2))`,
      `ALTER TABLE governed.${name} ON CLUSTER events ADD COLUMN IF NOT EXISTS _offset UInt64`,
    ]),
  );
});

test('a column becomes a type that holds all it held, and no other', () => {
  expect(changes({ id: 'Int64', amount: 'Nullable(Decimal(10, 2))' })).toEqual([
    'ALTER TABLE governed.shop_orders_history MODIFY COLUMN amount Nullable(Decimal(12, 2))',
  ]);
  for (const amount of ['Decimal(14, 2)', 'Decimal(12, 4)', 'Int32', 'String'])
    expect(() => changes({ id: 'Int64', amount: `Nullable(${amount})` })).toThrow(
      /table shop\.orders: column amount rests as .*does not hold all of it\n.*governed\.shop_orders_history\n {2}fix: {3}RENAME TABLE/,
    );
  expect(() => changes({ id: 'Int32', amount: 'Nullable(Decimal(12, 2))' })).toThrow(
    /column id rests as Int32.*a column of the key cannot become/,
  );
});
