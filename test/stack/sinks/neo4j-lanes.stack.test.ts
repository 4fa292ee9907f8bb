import { randomBytes } from 'node:crypto';
import neo4j, { type ManagedTransaction } from 'neo4j-driver';
import { expect, test } from 'vitest';
import { compact } from '../../../sinks/compact.ts';
import { takeLanes } from '../../../sinks/neo4j-lanes.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { servers } from '../servers.ts';
import { sharedGraph } from './shared-graph.ts';

function items() {
  const run = randomBytes(4).toString('hex');
  const contract = contractOf(
    `shop.items_${run}`,
    { id: 'bigint', name: 'text' },
    { graph: { label: `Item ${run}`, relationships: [] } },
  );
  return { contract, label: contract.graph?.label ?? '', change: changesOf(contract) };
}

test('a batch of one lane does not wait for the commit of another of the same table, never truncated', async () => {
  const { contract, change } = items();
  await using shared = await sharedGraph();
  await using _opened = await shared.open([contract]);
  const { url, user, password } = (await servers()).neo4j;
  await using driver = neo4j.driver(url, neo4j.auth.basic(user, password), { useBigInt: true });
  const take = (tx: ManagedTransaction, lane: number) => {
    const insert = { ...change.insert(lane, { id: BigInt(lane), name: 'n' }), lane };
    return takeLanes(tx, compact([insert]), new Map());
  };
  await using one = driver.session({ database: 'neo4j' });
  await using other = driver.session({ database: 'neo4j' });
  // Within the first, uncommitted: it would wait for ever if both were after the same.
  await one.executeWrite(async (tx) => {
    await take(tx, 1);
    await other.executeWrite((beside) => take(beside, 2), { timeout: 20_000 });
  });
});

test('an insert of what a copy had brought begins the batch again, once for its table, and is written', async () => {
  const { contract, label, change } = items();
  await using shared = await sharedGraph();
  let again = 0;
  await using sink = await shared.open([contract], { contended: () => again++ });
  await shared.cypher(
    `UNWIND [1, 2] AS id CREATE (:\`${label}\` {_key: '{"id":' + id + '}', _position: '0', id: id, name: 'copied'})`,
  );
  const insert = (at: number, id: bigint) => change.insert(at, { id, name: 'new' });
  await sink.write([insert(1, 1n), insert(2, 3n)]);
  expect(again).toBe(1);
  await sink.write([insert(3, 2n), insert(4, 4n)]);
  expect(again).toBe(1);
  const rows = await shared.cypher(
    `MATCH (n:\`${label}\`) RETURN n.id AS id, n.name AS name ORDER BY id`,
  );
  expect(rows).toEqual([1n, 2n, 3n, 4n].map((id) => ({ id, name: 'new' })));
});
