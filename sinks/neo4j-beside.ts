import neo4j, { type Driver, type ManagedTransaction } from 'neo4j-driver';
import type { TableContract } from '../contracts/contract.ts';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { Value } from '../schemas/value.ts';
import { type Beside, besideContract } from './beside.ts';
import type { GraphOptions } from './neo4j.ts';
import { graphTables, type NodeTable } from './neo4j-tables.ts';
import { clearOlder, writePlanned } from './neo4j-batch.ts';
import type { Plan } from './neo4j-plan.ts';
import { leadings } from './neo4j-relationships.ts';
import { transact } from './neo4j-transact.ts';

const page = 1_000; // Nodes: a writer of the table waits for no more.

/**
 * Nodes of a table beside themselves, under a label of their own and without relationships. One graph has no names
 * that could be exchanged, so they give their rows away, page by page.
 */
export function besideGraph(
  options: GraphOptions,
  contract: TableContract,
  replay: number,
): Beside {
  const { url, user, password, database = 'neo4j' } = options;
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
    useBigInt: true,
    userAgent: 'conductor replay',
  });
  const beside = besideContract(contract, replay);
  const tables: Tables = {
    live: tableOf(options.contracts, contract.table),
    own: tableOf([beside], beside.table),
  };
  const { own } = tables;
  const place = { driver, database, contended: () => {} };
  const inTx: InTx = (work) =>
    transact(place, (tx, at) => {
      at(contract.table);
      return work(tx);
    });

  return {
    contract: beside,
    obstacle: () => Promise.resolve('a graph has no names that could be exchanged'),
    isThere: () =>
      inTx(async (tx) => {
        const { records } = await tx.run(
          `MATCH (o:CdcOffset) WHERE o.stream STARTS WITH $own RETURN o LIMIT 1`,
          { own: `${own.source}/` },
        );
        return records.length > 0;
      }),
    prepare: () => Promise.resolve(), // The sink makes what it needs.
    note: () => Promise.resolve(own.source),
    switchOver: () => Promise.reject(new Error('a graph is merged, never switched')),
    async merge(catchUp, whole) {
      await catchUp('beside');
      await reach(inTx, tables);
      const rows = await mergeRows(inTx, tables);
      failpoint('merging');
      let removed = await bury(inTx, tables);
      if (!whole) return { rows, removed };
      const extra = await extraNodes(inTx, tables);
      await catchUp('beside'); // Of what was found, what is a row since is here now.
      for (let at = 0; at < extra.length; at += page)
        removed += await removeExtra(inTx, tables, extra.slice(at, at + page));
      return { rows, removed };
    },
    async drop() {
      await forget(inTx, own);
      await dropConstraints(driver, database, beside.graph?.label ?? '');
    },
    [Symbol.asyncDispose]: () => driver.close(),
  };
}

type InTx = <T>(work: (tx: ManagedTransaction) => Promise<T>) => Promise<T>;

/** Takes away nodes, tombstones and offsets, some thousands at a time. */
async function forget(inTx: InTx, { label, source }: NodeTable): Promise<void> {
  for (const query of [
    `MATCH (n:${label}) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS ended`,
    `MATCH (n:CdcTombstone) WHERE n.pk = $source OR n.pk STARTS WITH $source + '{'
     WITH n LIMIT 5000 DELETE n RETURN count(*) AS ended`,
    `MATCH (n:CdcOffset) WHERE n.stream STARTS WITH $source + '/' DELETE n RETURN 0 AS ended`,
  ])
    for (let more = true; more;)
      more = await inTx(async (tx) => {
        const { records } = await tx.run(query, { source });
        return Number(records[0]?.get('ended') ?? 0) > 0;
      });
}

async function dropConstraints(driver: Driver, database: string, label: string): Promise<void> {
  const { records } = await driver.executeQuery(
    'SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE $label IN labelsOrTypes RETURN name',
    { label },
    { database },
  );
  for (const record of records)
    await driver.executeQuery(
      `DROP CONSTRAINT \`${record.get('name')}\` IF EXISTS`,
      {},
      { database },
    );
}

interface Tables {
  readonly live: NodeTable;
  readonly own: NodeTable;
}

/** Has the table's writers wait until the end of the transaction: what is read of it meanwhile stays true. */
async function holdTable(tx: ManagedTransaction, { live }: Tables): Promise<void> {
  await tx.run(
    `MATCH (o:CdcOffset) WHERE o.stream STARTS WITH $lanes WITH o ORDER BY o.stream
     SET o._held = true REMOVE o._held`,
    { lanes: `${live.source}/` },
  );
}

/** Has the lanes know how far their rows will have come: what writers bring is compared with what is there, up to then. */
async function reach(inTx: InTx, { live, own }: Tables): Promise<void> {
  await inTx((tx) =>
    tx.run(
      `MATCH (s:CdcOffset) WHERE s.stream STARTS WITH $own WITH s ORDER BY s.stream
       MERGE (o:CdcOffset {stream: $live + substring(s.stream, size($own))}) SET o.stream = o.stream
       WITH o, s WHERE coalesce(o.position, '') < s.position SET o.position = s.position, o.lsn = s.lsn`,
      { own: `${own.source}/`, live: `${live.source}/` },
    ),
  );
}

async function write(tx: ManagedTransaction, plan: Plan<NodeTable>): Promise<void> {
  const planned = { nodes: [plan], led: await leadings(tx, plan), joined: [], graves: [plan] };
  await writePlanned(tx, planned, () => {});
}

interface Pair {
  readonly key: string;
  readonly values: Readonly<Record<string, Value>>;
  readonly at: string;
  readonly row: string | null;
}

/** Every row that is no older than the other's is written anew, whatever stood there, relationships and all. */
async function mergeRows(inTx: InTx, tables: Tables): Promise<number> {
  const { live } = tables;
  let rows = 0;
  for (let after: string | null = ''; after !== null;) {
    const from: string = after;
    const { merged, last } = await inTx(async (tx) => {
      await holdTable(tx, tables);
      const { pairs, last } = await pairsAfter(tx, tables, from);
      await write(tx, {
        table: live,
        cleared: pairs.flatMap(({ key, row }) => (row === null ? [] : [key])),
        removed: [],
        rows: pairs.map(({ key, values, at, row }) => ({
          key,
          values,
          at,
          isWhole: false,
          before: row === null ? 'no row' : 'any',
        })),
        graves: [],
      });
      return { merged: pairs.length, last };
    });
    rows += merged; // Here, for what did not commit is done again.
    after = last;
  }
  return rows;
}

async function pairsAfter(tx: ManagedTransaction, { live, own }: Tables, after: string) {
  const { records } = await tx.run(
    `MATCH (s:${own.label}) WHERE s._key > $after AND s._position IS NOT NULL
     WITH s ORDER BY s._key LIMIT ${page}
     OPTIONAL MATCH (f:CdcTombstone {pk: $source})
     OPTIONAL MATCH (t:CdcTombstone {pk: $source + s._key})
     OPTIONAL MATCH (n:${live.label} {_key: s._key})
     RETURN s._key AS key, properties(s) AS values, s._position AS at, n._position AS row,
       coalesce(f.position, '') AS floor, coalesce(t.position, '') AS grave ORDER BY key`,
    { after, source: live.source },
  );
  const pairs = records.flatMap((record): readonly Pair[] => {
    const { _key, _position, _held, ...values } = record.get('values') as Record<string, Value>;
    const [key, at]: [string, string] = [record.get('key'), record.get('at')];
    const row: string | null = record.get('row');
    const isOlder = [row ?? '', record.get('floor'), record.get('grave')].some((than) => than > at);
    return isOlder ? [] : [{ key, values, at, row }];
  });
  const last: string | null = records.at(-1)?.get('key') ?? null;
  return { pairs, last };
}

/** What is dead beside is dead here. */
async function bury(inTx: InTx, tables: Tables): Promise<number> {
  const { live, own } = tables;
  let removed = 0;
  for (let after: string | null = ''; after !== null;) {
    const from: string = after;
    const { ended, last } = await inTx(async (tx) => {
      await holdTable(tx, tables);
      const { records } = await tx.run(
        `MATCH (t:CdcTombstone) WHERE t.pk STARTS WITH $own + '{' AND t.pk > $after
         WITH t ORDER BY t.pk LIMIT ${page}
         OPTIONAL MATCH (n:${live.label} {_key: substring(t.pk, size($own))}) WHERE n._position < t.position
         RETURN t.pk AS pk, t.position AS at, n._key AS key ORDER BY pk`,
        { own: own.source, after: from },
      );
      const dead: readonly string[] = records.flatMap((record) => record.get('key') ?? []);
      await write(tx, {
        table: live,
        cleared: dead,
        removed: dead,
        rows: [],
        graves: records.map((record) => ({
          pk: live.source + String(record.get('pk')).slice(own.source.length),
          at: record.get('at'),
        })),
      });
      return { ended: dead.length, last: (records.at(-1)?.get('pk') ?? null) as string | null };
    });
    removed += ended;
    after = last;
  }
  const floor = await inTx(async (tx) => {
    const { records } = await tx.run('MATCH (t:CdcTombstone {pk: $own}) RETURN t.position AS at', {
      own: own.source,
    });
    return (records[0]?.get('at') ?? null) as string | null;
  });
  if (floor === null) return removed;
  const graves = [{ pk: live.source, at: floor }];
  await inTx((tx) => write(tx, { table: live, cleared: [], removed: [], rows: [], graves }));
  for (let ended = page; ended === page; removed += ended)
    ended = await inTx((tx) => clearOlder(tx, live, { at: floor, limit: page }));
  return removed;
}

interface Extra {
  readonly key: string;
  readonly at: string;
}

async function extraNodes(inTx: InTx, { live, own }: Tables): Promise<readonly Extra[]> {
  return await inTx(async (tx) => {
    const { records } = await tx.run(
      `MATCH (n:${live.label}) WHERE n._position IS NOT NULL AND NOT EXISTS { (:${own.label} {_key: n._key}) }
       RETURN n._key AS key, n._position AS at`,
    );
    return records.map((record) => ({ key: record.get('key'), at: record.get('at') }));
  });
}

async function removeExtra(inTx: InTx, tables: Tables, extra: readonly Extra[]): Promise<number> {
  const { live, own } = tables;
  return await inTx(async (tx) => {
    await holdTable(tx, tables);
    const { records } = await tx.run(
      `UNWIND $extra AS e MATCH (n:${live.label} {_key: e.key})
       WHERE n._position = e.at AND NOT EXISTS { (:${own.label} {_key: e.key}) } RETURN e.key AS key`,
      { extra },
    );
    const keys: readonly string[] = records.map((record) => record.get('key'));
    await write(tx, { table: live, cleared: keys, removed: keys, rows: [], graves: [] });
    return keys.length;
  });
}

function tableOf(contracts: readonly TableContract[], name: string): NodeTable {
  const table = graphTables(contracts).get(name);
  if (table?.kind !== 'nodes') throw new Error(`the graph has no label for ${name}`);
  return table;
}
