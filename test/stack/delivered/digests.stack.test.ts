import { randomBytes } from 'node:crypto';
import { createClient } from '@clickhouse/client';
import { sql } from '@databases/pg';
import fc from 'fast-check';
import neo4j from 'neo4j-driver';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { BucketSums } from '../../../pipelines/delivered/bucket-sums.ts';
import { Differences } from '../../../pipelines/delivered/differences.ts';
import { ExpectedChanges } from '../../../pipelines/delivered/expected-changes.ts';
import { ExpectedRows } from '../../../pipelines/delivered/expected-rows.ts';
import { GraphRows } from '../../../pipelines/delivered/graph-rows.ts';
import type { LaneChange } from '../../../pipelines/delivered/lane-changes.ts';
import { MirrorRows } from '../../../pipelines/delivered/mirror-rows.ts';
import { RestingHistory } from '../../../pipelines/delivered/resting-history.ts';
import type { RowDigest } from '../../../processors/row-digest.ts';
import type { GovernedRecord } from '../../../schemas/governed-record.ts';
import { warehouse } from '../../../sinks/clickhouse.ts';
import { warehouseTables } from '../../../sinks/clickhouse-tables.ts';
import { graphTables } from '../../../sinks/neo4j-tables.ts';
import { graph } from '../../../sinks/neo4j.ts';
import { mirror } from '../../../sinks/postgres.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { recording } from '../../sinks/taking-changes.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { servers } from '../servers.ts';
import { urlOf } from '../way/way.ts';
import { anyRow, everyValue } from './every-value.ts';

const name = `v${randomBytes(5).toString('hex')}`;
const contract = contractOf(
  `public.${name}`,
  {
    id: 'text',
    no: 'integer',
    ...Object.fromEntries(Object.entries(everyValue).map(([column, [type]]) => [column, type])),
  },
  { key: ['no', 'id'], graph: { label: name, relationships: [] } },
);

printSeed();
const change = changesOf(contract);
const records: readonly GovernedRecord[] = fc
  .sample(anyRow, { numRuns: 500, seed })
  .map((row, index) => change.insert(1_000 + index, row))
  .map(recording([contract]));
const changes: readonly LaneChange[] = records.map(({ form, value, key, lane, offset, topic }) => ({
  form,
  record: { topic, partition: lane, offset, key, value, headers: [], at: 0 },
}));

function expectedOf(digest: RowDigest): ExpectedRows {
  const expected = new ExpectedRows(digest);
  for (const each of changes) expected.take(each, null);
  return expected;
}

test('the mirror and we make the same digest of any row', async () => {
  const stack = await servers();
  const admin = openDatabase(urlOf(stack, 'postgres'));
  await admin.query(sql`CREATE DATABASE ${sql.ident(name)}`);
  try {
    {
      await using sink = await mirror({ ...stack.postgres, database: name, contracts: [contract] });
      await sink.write(records);
      await using resting = await MirrorRows.open(urlOf(stack, name), contract, 1);
      const sums = await resting.sums();
      expect(sums.rows).toBeGreaterThan(450);
      const differences = new Differences(expectedOf(resting.digest), true);
      await resting.each(null, differences.take);
      expect([...differences.found.values()]).toEqual([]);
      expect(sums.differing(expectedOf(resting.digest).sums()).size).toBe(0);
      expect(sums.differing(new BucketSums()).size).toBeGreaterThan(100);
      expect(await resting.applied()).toEqual([(records.at(-1)?.offset ?? 0n) + 1n]);
    }
  } finally {
    await admin.query(sql`DROP DATABASE ${sql.ident(name)} WITH (FORCE)`);
    await admin.dispose();
  }
});

test('the graph holds, and we make, the same digest of any row', async () => {
  const { neo4j: at } = await servers();
  await using sink = await graph({ ...at, contracts: [contract] });
  const driver = neo4j.driver(at.url, neo4j.auth.basic(at.user, at.password));
  try {
    await sink.write(records);
    const table = graphTables([contract]).get(contract.table)!;
    await using resting = new GraphRows({ ...at, database: 'neo4j' }, table, contract, 1);
    const expected = expectedOf(resting.digest);
    const differences = new Differences(expected, true);
    await resting.each(null, differences.take);
    differences.end(expected.there(null));
    expect(differences.looked).toBeGreaterThan(450);
    expect([...differences.found.values()]).toEqual([]);
  } finally {
    await driver.executeQuery(`MATCH (n:${name}) DETACH DELETE n`);
    await driver.executeQuery(
      `MATCH (n:CdcOffset) WHERE n.stream STARTS WITH 'public.${name}' DELETE n`,
    );
    await driver.close();
  }
});

test('the warehouse and we make the same digest of any change', async () => {
  const { clickhouse: at } = await servers();
  const client = createClient({ url: at.url, username: at.user, password: at.password });
  try {
    await using sink = await warehouse({ ...at, database: name, contracts: [contract] });
    await sink.write(records);
    const table = warehouseTables([contract]).get(contract.table)!;
    await using resting = await RestingHistory.open({ ...at, database: name }, table, contract, 1);
    expect(resting.uncompared).toEqual([]);
    const expected = new ExpectedChanges(resting.digest, 1);
    for (const each of changes) expected.take(each);
    const sums = await resting.sums({ from: [0n], to: await resting.applied() });
    expect(sums.rows).toBe(records.length);
    expect(sums.differing(expected.sums).size).toBe(0);
  } finally {
    await client.command({ query: `DROP DATABASE ${name}` });
    await client.close();
  }
});
