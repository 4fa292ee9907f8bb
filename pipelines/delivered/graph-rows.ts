import neo4j, { type Driver, type Record as GraphRecord } from 'neo4j-driver';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { governedColumns, type TableContract } from '../../contracts/contract.ts';
import { digestText, RowDigest } from '../../processors/row-digest.ts';
import type { Halves } from '../../processors/server-hash.ts';
import { type Kind, kindOf } from '../../schemas/avro.ts';
import type { Value } from '../../schemas/value.ts';
import { type GraphEnd, type GraphTable, quoted } from '../../sinks/neo4j-tables.ts';
import type { RelationshipFault, RestingRow, RestingRows } from './resting-rows.ts';

export interface GraphAt {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * The nodes, or relationships, of a table as they rest in the graph: it has no hash of its own and no snapshots, so that they are
 * streamed out, and hashed here.
 */
export class GraphRows implements RestingRows {
  readonly digest: RowDigest;
  readonly uncompared = [];
  readonly isStill = false;
  readonly sums = null;
  readonly #driver: Driver;
  readonly #database: string;
  readonly #source: string;
  readonly #ends: readonly End[];
  readonly #all: string; // Cypher for what a row is as `n`,
  readonly #one: string; // and for that of one key.
  readonly #lanes: number;
  readonly #kinds: readonly Kind[];
  readonly #row: string;
  readonly #places: ReadonlyMap<string, number>; // Of columns, in what is returned.
  readonly #hashes: Int32Array;

  constructor(at: GraphAt, table: GraphTable, contract: TableContract, lanes: number) {
    this.#driver = neo4j.driver(at.url, neo4j.auth.basic(at.user, at.password), {
      useBigInt: true,
      connectionTimeout: 5_000,
      fetchSize: 5_000,
      userAgent: 'conductor',
    });
    this.#database = at.database;
    this.#source = table.source;
    this.#ends = endsOf(table);
    const isRow = 'WHERE n._position IS NOT NULL';
    if (table.kind === 'nodes') {
      this.#all = `MATCH (n:${table.label}) ${isRow}`;
      this.#one = `MATCH (n:${table.label} {_key: key}) ${isRow}`;
    } else {
      this.#all = `MATCH (a)-[n:${table.type}]->(b) ${isRow}`;
      this.#one = `MATCH (a)-[n:${table.type} {_key: key}]->(b) ${isRow}`;
    }
    this.#lanes = lanes;
    const types = new Map(governedColumns(contract).map(({ name, type }) => [name, type]));
    this.digest = new RowDigest([...types.keys()], contract.key);
    const { columns } = this.digest;
    this.#kinds = columns.map((name) => kindOf(types.get(name) ?? 'text'));
    this.#places = new Map(columns.map((name, index) => [name, columnsFrom + index]));
    this.#hashes = new Int32Array(2 * columns.length);
    this.#row = [
      'n._key',
      'n._position',
      ...columns.map((name) => `n.${quoted(name)}`),
      ...this.#ends.map(({ keys }) => keys),
    ].join(', ');
  }

  async applied(): Promise<readonly bigint[]> {
    const source = this.#source;
    const { records } = await this.#driver.executeQuery(
      `MATCH (o:CdcOffset) WHERE o.stream STARTS WITH $front RETURN o.stream, o.recordOffset`,
      { front: `${source}/` },
      { database: this.#database, routing: 'WRITE' },
    );
    const applied = Array.from({ length: this.#lanes }, () => 0n);
    for (const record of records) {
      const lane = Number((record.get(0) as string).slice(source.length + 1));
      const at = record.get(1) as bigint | null;
      if (at === null) throw offsetless(source, lane);
      applied[lane] = at + 1n;
    }
    return applied;
  }

  each(_of: ReadonlySet<number> | null, take: (row: RestingRow) => void): Promise<void> {
    return this.#read(this.#all, {}, take);
  }

  some(keys: readonly string[], take: (row: RestingRow) => void): Promise<void> {
    return this.#read(`UNWIND $keys AS key ${this.#one}`, { keys }, take);
  }

  async names(): Promise<ReadonlyMap<string, string>> {
    return new Map(); // Every row brings its own.
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#driver.close();
  }

  async #read(
    match: string,
    parameters: Readonly<Record<string, unknown>>,
    take: (row: RestingRow) => void,
  ): Promise<void> {
    const session = this.#driver.session({ database: this.#database });
    try {
      for await (const record of session.run(`${match} RETURN ${this.#row}`, parameters))
        take(this.#rowOf(record));
    } finally {
      await session.close();
    }
  }

  #rowOf(record: GraphRecord): RestingRow {
    const hashes = this.#hashes;
    const out: Halves = { high: 0, low: 0 };
    for (let index = 0; index < this.#kinds.length; index++) {
      const value = record.get(columnsFrom + index) as Value;
      out.high = out.low = 0;
      if (value !== null)
        this.digest.column(index, digestText(value, this.#kinds[index] ?? 'string'), out);
      hashes[2 * index] = out.high;
      hashes[2 * index + 1] = out.low;
    }
    const position = record.get(1) as string;
    this.digest.key(hashes, 0, position, out);
    const { high: keyHigh, low: keyLow } = out;
    this.digest.row(hashes, 0, position, out);
    const { high, low } = out;
    const name = record.get(0) as string;
    return { keyHigh, keyLow, high, low, position, name, fault: this.#faultOf(record) };
  }

  #faultOf(record: GraphRecord): RelationshipFault | null {
    const from = columnsFrom + this.#kinds.length;
    for (const [index, { name, column, keyOf }] of this.#ends.entries()) {
      const targets = record.get(from + index) as readonly string[];
      const value = record.get(this.#places.get(column) ?? 0) as Value;
      const wanted = value === null ? null : keyOf(value);
      if (wanted !== null && !targets.includes(wanted))
        return { relationship: name, is: 'missing' };
      if (targets.length > (wanted === null ? 0 : 1)) return { relationship: name, is: 'extra' };
    }
    return null;
  }
}

/** Where a row leads: the keys of the nodes at that end, of which one should be the column's. */
interface End extends GraphEnd {
  readonly name: string;
  readonly keys: string; // Cypher.
}

function endsOf(table: GraphTable): readonly End[] {
  if (table.kind === 'nodes')
    return table.relationships.map((end) => ({
      ...end,
      name: end.type,
      keys: `[(n)-[:${end.type}]->(t:${end.target}) | t._key]`,
    }));
  const { type, from, to } = table;
  return [
    { ...from, name: type, keys: `[t IN [a] WHERE t:${from.target} | t._key]` },
    { ...to, name: type, keys: `[t IN [b] WHERE t:${to.target} | t._key]` },
  ];
}

const columnsFrom = 2;

const offsetless = (table: string, lane: number) =>
  new CannotRun({
    what: `the graph does not know up to which record lane ${lane} of table ${table} is applied: an older Conductor wrote it`,
    where: 'CdcOffset.recordOffset of sinks.neo4j',
    fix: 'run conductor run deliver-neo4j until that lane has had another change',
  });
