import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { governedColumns } from '../../../contracts/contract.ts';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { Governed } from '../../../schemas/change.ts';
import { positionText } from '../../../schemas/position.ts';
import { unchanged } from '../../../schemas/value.ts';
import { graph } from '../../../sinks/neo4j.ts';
import { changesOf, contractOf, position } from '../../sinks/changes.ts';
import { sinkContract } from '../../sinks/sink-contract.ts';
import type { Harness } from '../../sinks/sink-contract.ts';
import type { TextRow } from '../../sinks/values.ts';
import { servers } from '../servers.ts';
import { sharedGraph } from './shared-graph.ts';

async function start(): Promise<Harness> {
  const { cypher, open, ...shared } = await sharedGraph();
  const labelOf = (contract: TableContract) => contract.graph?.label ?? '';
  const rows = async (contract: TableContract): Promise<readonly TextRow[]> => {
    const found = await cypher(
      `MATCH (n:\`${labelOf(contract)}\`) WHERE n._position IS NOT NULL RETURN properties(n) AS row`,
    );
    return found.map(({ row }) =>
      Object.fromEntries(
        governedColumns(contract).map(({ name }) => {
          const value = row[name] ?? null;
          return [name, value === null ? null : String(value)];
        }),
      ),
    );
  };
  const poison = async (contract: TableContract) => {
    const label = labelOf(contract);
    await cypher(`CREATE CONSTRAINT FOR (n:\`${label}\`) REQUIRE n.name IS UNIQUE`);
    await cypher(
      `CREATE (:\`${label}\` {_key: 'other', _position: '0', id: 9, name: 'secret-value', n: 0})`,
    );
    return { id: 2n, name: 'secret-value', n: 2 };
  };
  const close = () => shared[Symbol.asyncDispose]();
  return { open, rows, poison, needsBase: true, close };
}

sinkContract('Neo4j', start);

describe('a foreign key is a relationship', () => {
  const run = randomBytes(4).toString('hex');
  const [people, orders] = [`shop.people_${run}`, `shop.orders_${run}`];
  const [Person, Order] = [`Person ${run}`, `Order ${run}`];
  const peopleContract = contractOf(
    people,
    { id: 'bigint', name: 'text', boss: 'bigint' },
    {
      graph: { label: Person, relationships: [{ type: 'REPORTS_TO', column: 'boss', to: people }] },
    },
  );
  const ordersContract = contractOf(
    orders,
    { id: 'bigint', buyer: 'bigint', note: 'text' },
    {
      graph: { label: Order, relationships: [{ type: 'PLACED BY', column: 'buyer', to: people }] },
    },
  );
  const person = changesOf(peopleContract);
  const order = changesOf(ordersContract);
  let shared: Awaited<ReturnType<typeof sharedGraph>>;
  let sink: Sink<Governed>;
  beforeAll(async () => {
    shared = await sharedGraph();
    sink = await shared.open([peopleContract, ordersContract]);
  });
  afterAll(async () => {
    await sink?.[Symbol.asyncDispose]();
    await shared?.[Symbol.asyncDispose]();
  });

  /** The whole graph of this run, one line per node and relationship; a stub has its key in brackets. */
  const picture = async (): Promise<readonly string[]> => {
    const name = `CASE WHEN n._position IS NULL THEN '[' + n._key + ']' ELSE labels(n)[0] + ' ' + n.id END`;
    const nodes = await shared.cypher(
      `MATCH (n:\`${Person}\`|\`${Order}\`) RETURN ${name} AS line`,
    );
    const ends = await shared.cypher(
      `MATCH (n:\`${Person}\`|\`${Order}\`)-[r]->(m)
       RETURN ${name} + ' -' + type(r) + '-> ' + ${name.replaceAll('n.', 'm.').replaceAll('(n)', '(m)')} AS line`,
    );
    const lines = [...nodes, ...ends].map(({ line }) => String(line).replaceAll(` ${run}`, ''));
    return lines.sort((a, b) => (a < b ? -1 : 1));
  };
  /** Empties the graph by truncates, at a position before anything a test writes. */
  let epoch = 0;
  const fresh = async () => {
    epoch += 1_000;
    await sink.write([person.truncate(epoch), order.truncate(epoch)]);
    expect(await picture()).toEqual([]);
    return (n: number) => epoch + n;
  };

  test('made with its row, whichever of the two ends comes first', async () => {
    const at = await fresh();
    await sink.write([order.insert(at(3), { id: 10n, buyer: 1n, note: null })]);
    expect(await picture()).toEqual(['Order 10', 'Order 10 -PLACED BY-> [{"id":1}]', '[{"id":1}]']);
    await sink.write([person.insert(at(1), { id: 1n, name: 'Ada', boss: null })]);
    expect(await picture()).toEqual(['Order 10', 'Order 10 -PLACED BY-> Person 1', 'Person 1']);
  });

  test('moved when the column changes, gone when it becomes null, kept when it is unchanged', async () => {
    const at = await fresh();
    await sink.write([
      person.insert(at(1), { id: 1n, name: 'Ada', boss: null }),
      order.insert(at(2), { id: 10n, buyer: 1n, note: 'long' }),
    ]);
    await sink.write([order.update(at(3), { id: 10n, buyer: 2n, note: unchanged })]);
    expect(await picture()).toEqual([
      'Order 10',
      'Order 10 -PLACED BY-> [{"id":2}]',
      'Person 1',
      '[{"id":2}]',
    ]);
    await sink.write([order.update(at(4), { id: 10n, buyer: unchanged, note: 'short' })]);
    await sink.write([order.update(at(2), { id: 10n, buyer: 1n, note: 'late' })]);
    expect(await picture()).toContain('Order 10 -PLACED BY-> [{"id":2}]');
    await sink.write([order.update(at(5), { id: 10n, buyer: null, note: unchanged })]);
    expect(await picture()).toEqual(['Order 10', 'Person 1']);
  });

  test('left to a stub when its target is deleted, and whole again when it comes back', async () => {
    const at = await fresh();
    const ada = { id: 1n, name: 'Ada', boss: null };
    await sink.write([person.insert(at(1), ada)]);
    await sink.write([order.insert(at(5), { id: 10n, buyer: 1n, note: null })]);
    await sink.write([person.delete(at(3), { id: 1n })]);
    expect(await picture()).toEqual(['Order 10', 'Order 10 -PLACED BY-> [{"id":1}]', '[{"id":1}]']);
    const [stub] = await shared.cypher(`MATCH (n:\`${Person}\`) RETURN keys(n) AS keys`);
    expect(stub).toEqual({ keys: ['_key'] });
    await sink.write([person.insert(at(4), ada)]);
    expect(await picture()).toEqual(['Order 10', 'Order 10 -PLACED BY-> Person 1', 'Person 1']);
    await sink.write([person.delete(at(6), { id: 1n }), order.delete(at(7), { id: 10n })]);
    expect(await picture()).toEqual([]);
  });

  test('possible within one table, from a row to itself as well', async () => {
    const at = await fresh();
    await sink.write([
      person.insert(at(1), { id: 1n, name: 'Ada', boss: 1n }),
      person.insert(at(2), { id: 2n, name: 'Bob', boss: 1n }),
      person.insert(at(3), { id: 3n, name: 'Cy', boss: 4n }),
    ]);
    await sink.write([person.update(at(4), { id: 3n, name: 'Cy', boss: 2n })]);
    expect(await picture()).toEqual([
      'Person 1',
      'Person 1 -REPORTS_TO-> Person 1',
      'Person 2',
      'Person 2 -REPORTS_TO-> Person 1',
      'Person 3',
      'Person 3 -REPORTS_TO-> Person 2',
    ]);
    await sink.write([2n, 3n, 1n].map((id, n) => person.delete(at(10 + n), { id })));
    expect(await picture()).toEqual([]);
  });

  test('that of its own row, where a worker fell after a truncate and before it took the rows of before away', async () => {
    const at = await fresh();
    await sink.write([order.insert(at(1), { id: 10n, buyer: 1n, note: 'before' })]);
    await shared.cypher(`MATCH (t:CdcTombstone {pk: $pk}) SET t.position = $position`, {
      pk: orders,
      position: positionText(position(at(2))),
    });
    await sink.write([
      order.insert(at(3), { id: 10n, buyer: 2n, note: 'after' }),
      order.update(at(4), { id: 10n, buyer: unchanged, note: 'later' }),
    ]);
    expect(await picture()).toEqual(['Order 10', 'Order 10 -PLACED BY-> [{"id":2}]', '[{"id":2}]']);
  });

  test('the same whatever order and batches the changes of different rows come in', async () => {
    const all = (at: (n: number) => number) => [
      [person.insert(at(1), { id: 1n, name: 'Ada', boss: null }), person.delete(at(9), { id: 1n })],
      [
        person.insert(at(2), { id: 2n, name: 'Bob', boss: 1n }),
        person.update(at(8), { id: 2n, name: 'Bob', boss: null }),
      ],
      [
        order.insert(at(3), { id: 10n, buyer: 1n, note: 'x' }),
        order.update(at(7), { id: 10n, buyer: 2n, note: unchanged }),
      ],
      [order.insert(at(4), { id: 11n, buyer: 1n, note: 'x' }), order.delete(at(6), { id: 11n })],
    ];
    for (const order_ of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 0, 3, 1],
    ]) {
      for (const cut of ['one by one', 'at once']) {
        const rows = all(await fresh());
        const changes = order_.flatMap((n) => rows[n] ?? []);
        if (cut === 'at once') await sink.write(changes);
        else for (const change of changes) await sink.write([change]);
        expect(await picture(), cut).toEqual([
          'Order 10',
          'Order 10 -PLACED BY-> Person 2',
          'Person 2',
        ]);
      }
    }
  });

  test('safe with writers of different lanes at once, down to the last stub', async () => {
    const at = await fresh();
    await using other = await shared.open([peopleContract, ordersContract]);
    const laned = (change: Governed, lane: number): Governed => ({ ...change, lane });
    const ids = Array.from({ length: 30 }, (_, n) => BigInt(n));
    for (let round = 0; round < 3; round++) {
      const step = round * 100;
      await Promise.all([
        sink.write(
          ids.map((id) =>
            laned(person.insert(at(step + 1), { id, name: 'n', boss: (id * 7n) % 30n }), 1),
          ),
        ),
        other.write(
          ids.map((id) =>
            laned(order.insert(at(step + 2), { id, buyer: (id * 11n) % 30n, note: '' }), 2),
          ),
        ),
      ]);
      expect((await picture()).length).toBe(120);
      await Promise.all([
        sink.write(ids.map((id) => laned(person.delete(at(step + 3), { id }), 1))),
        other.write(ids.map((id) => laned(order.delete(at(step + 4), { id }), 2))),
      ]);
      expect(await picture()).toEqual([]);
    }
  });

  test('data, tombstones and the offset of the lane are written together', async () => {
    const at = await fresh();
    await sink.write([person.delete(at(0x16_0000_0000), { id: 77n })]);
    const [offset] = await shared.cypher(
      'MATCH (o:CdcOffset {stream: $stream}) RETURN properties(o) AS o',
      { stream: `${people}/0` },
    );
    const position = `00000001/${at(0x16_0000_0000).toString(16).padStart(16, '0')}/00000000/00000000`;
    expect(offset?.['o']).toEqual({
      stream: `${people}/0`,
      lsn: `16/${at(0).toString(16).toUpperCase()}`,
      position,
      recordOffset: BigInt(at(0x16_0000_0000)) * 16n, // As `recording` numbers them.
    });
    const graves = await shared.cypher(
      'MATCH (t:CdcTombstone {pk: $pk}) RETURN t.position AS position',
      { pk: `${people}{"id":77}` },
    );
    expect(graves).toEqual([{ position }]);
    epoch = at(0x16_0000_0000);
  });
});

test('a graph that cannot be opened says what, where and the fix', async () => {
  const { neo4j: server } = await servers();
  const open = (at: object) => graph({ ...server, contracts: [], ...at });
  await expect(open({ url: 'bolt://127.0.0.1:1' })).rejects.toThrow(
    /cannot open the Neo4j graph neo4j at bolt:\/\/127\.0\.0\.1:1 as .*\n.*\n {2}fix: {3}start the server/,
  );
  await expect(open({ password: 'hunter2' })).rejects.toThrow(
    /fix: {3}correct the user and password/,
  );
});

test('a mapping that could not hold is told before anything is written', async () => {
  const { neo4j: server } = await servers();
  const mapped = (table: string, label: string, to?: string) =>
    contractOf(
      table,
      { id: 'bigint', other: 'bigint' },
      {
        graph: { label, relationships: to ? [{ type: 'TO', column: 'other', to }] : [] },
      },
    );
  await expect(
    graph({ ...server, contracts: [mapped('a.a', 'A'), mapped('a.b', 'A')] }),
  ).rejects.toThrow(/tables a\.a and a\.b have the same graph label A/);
  await expect(graph({ ...server, contracts: [mapped('a.a', 'A', 'a.b')] })).rejects.toThrow(
    /table a\.a: relationship TO: a\.b needs a contract with a graph label/,
  );
});
