import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { WarehousePlace } from './clickhouse-place.ts';
import { literal, quoted } from './clickhouse-tables.ts';
import { type Claimed, isTaken, LaneClaims } from './clickhouse-writers.ts';

/** What stands in a lane of a topic, at an offset. */
export interface InLane {
  readonly topic: string;
  readonly lane: number;
  readonly offset: bigint;
}

/** Rows as ClickHouse's Native format has them. Its buffers are used again. */
export interface RowBlock<Row> {
  /** The columns, as `input` declares them. */
  readonly structure: readonly { readonly name: string; readonly type: string }[];
  readonly length: number; // Of its bytes.
  clear(): void;
  /** Refuses what the warehouse cannot hold; the block is then to be cleared. */
  add(row: Row): void;
  /** The block in pieces, valid until it is cleared. */
  pieces(): Buffer[];
}

/** What is appended, and to which lanes. */
export interface Appended<Row> extends Claimed {
  readonly table: string;
  /** What tells rows at the same offset apart: as the table says it, and as we do. */
  readonly identity: string;
  readonly identityOf: (row: Row) => string;
  readonly block: () => RowBlock<Row>;
  readonly refusalOf: (error: unknown) => Refusal | null;
  readonly madeAnew: (row: Row) => Error;
}

const mostTries = 60;
const mostTwice = 16 * 1024 * 1024; // Blocks that are larger are made one after the other: memory is worth more than time.

/**
 * Appends rows to a table, each once: under a claim of its lane, and only what does not rest there yet. One append
 * at a time.
 */
export class ClaimedTable<Row extends InLane> {
  readonly #client: ClickHouseClient;
  readonly #place: WarehousePlace;
  readonly #what: Appended<Row>;
  readonly #claims: LaneClaims;
  #block: RowBlock<Row>; // Which is sent,
  #spare: RowBlock<Row>; // and which is filled meanwhile.
  #ahead: readonly Row[] | null = null; // What the spare one has.
  #inserts = 0;

  constructor(client: ClickHouseClient, place: WarehousePlace, what: Appended<Row>) {
    this.#client = client;
    this.#place = place;
    this.#what = what;
    this.#claims = new LaneClaims(client, place, what);
    this.#block = what.block();
    this.#spare = what.block();
  }

  /** How far the lanes that are ours have come, as long as they are. */
  get ends(): ReadonlyMap<number, bigint> {
    return this.#claims.ends;
  }

  /** Makes the block of rows that will be appended next, in the belief that none of them rests there yet. */
  prepare(rows: readonly Row[]): void {
    this.#ahead = null;
    if (this.#block.length > mostTwice) return;
    try {
      fill(this.#spare, rows);
      this.#ahead = rows;
    } catch {
      // It is told when they are appended.
    }
  }

  /** Resolves once all of these rest in the table. */
  async append(rows: readonly Row[], meanwhile: () => void): Promise<void> {
    const spans = spansOf(rows);
    for (let tries = 1; ; tries++) {
      try {
        await this.#claims.take([...spans.keys()]);
        await this.#insert(rows, spans, meanwhile);
        return;
      } catch (error) {
        if (error instanceof Refusal) throw error;
        this.#claims.forget();
        if (!isTaken(error) || tries >= mostTries) throw this.#what.refusalOf(error) ?? error;
        await pause(Math.random() * 10 * tries); // Two who take a lane from each other: one goes first.
      }
    }
  }

  async #insert(rows: readonly Row[], spans: Spans, meanwhile: () => void): Promise<void> {
    const isNew = [...spans].every(
      ([lane, { least, isInOrder }]) => isInOrder && least >= (this.#claims.held(lane)?.next ?? 0n),
    );
    const missing = isNew ? rows : await this.#missing(rows, spans);
    if (missing.length === 0) return;
    const own = isNew ? spans : spansOf(missing);
    if (missing === this.#ahead) {
      [this.#block, this.#spare] = [this.#spare, this.#block];
      this.#ahead = null;
    } else fill(this.#block, missing);
    await this.#send([...own.keys()], meanwhile);
    for (const [lane, { greatest }] of own) {
      const held = this.#claims.held(lane);
      if (held && held.next <= greatest) held.next = greatest + 1n;
    }
  }

  async #send(lanes: readonly number[], meanwhile: () => void): Promise<void> {
    const columns = this.#block.structure;
    const structure = columns.map(({ name, type }) => `${quoted(name)} ${type}`).join(', ');
    const names = columns.map(({ name }) => quoted(name)).join(', ');
    const query = `INSERT INTO ${this.#place.at(this.#what.table)} (${names}) ${this.#claims.mark}
      SELECT ${names} FROM input(${literal(structure)}) WHERE ${this.#claims.condition(lanes)} FORMAT Native`;
    const token = `${this.#claims.held(lanes[0] ?? 0)?.claim}/${++this.#inserts}`;
    const pieces = Readable.from(this.#block.pieces(), { objectMode: false });
    pieces.once('end', () => setImmediate(meanwhile)); // From here on the server works.
    failpoint('inserting');
    const { stream } = await this.#client.exec({
      query,
      values: pieces,
      clickhouse_settings: { ...asOneBlock, insert_deduplication_token: token },
    });
    for await (const _ of stream);
    failpoint('inserted');
  }

  /** What of these does not rest in the table, each row once. */
  async #missing(rows: readonly Row[], spans: Spans): Promise<readonly Row[]> {
    const resting = await this.#resting(spans);
    const seen = new Set<string>();
    return rows.filter((row) => {
      const name = `${row.lane}/${row.offset}`;
      const identity = resting.get(name);
      if (identity !== undefined && identity !== this.#what.identityOf(row))
        throw this.#what.madeAnew(row);
      if (identity !== undefined || seen.has(name)) return false;
      seen.add(name);
      return true;
    });
  }

  /** The identities of what rests within such spans, by lane and offset. */
  async #resting(spans: Spans): Promise<ReadonlyMap<string, string>> {
    const { resting, lane: laneColumn, offset, only, identity } = this.#what;
    const ranges = [...spans].map(
      ([lane, { least, greatest }]) =>
        `(${laneColumn} = ${lane} AND ${offset} BETWEEN ${least} AND ${greatest})`,
    );
    const answer = await this.#client.query({
      query: `SELECT concat(toString(${laneColumn}), '/', toString(${offset})) AS name, ${identity} AS identity
        FROM ${resting} WHERE ${only === '' ? '' : `${only} AND `}(${ranges.join(' OR ')})`,
      format: 'JSONEachRow',
    });
    const found = await answer.json<{ name: string; identity: string }>();
    return new Map(found.map(({ name, identity: known }) => [name, known]));
  }
}

function fill<Row>(block: RowBlock<Row>, rows: readonly Row[]): void {
  block.clear();
  for (const row of rows) block.add(row);
}

/** From where to where rows go in each lane. */
type Spans = ReadonlyMap<number, Span>;

interface Span {
  least: bigint;
  greatest: bigint;
  isInOrder: boolean; // Each after the one before, as it is but for what came twice.
}

function spansOf(rows: readonly InLane[]): Spans {
  const spans = new Map<number, Span>();
  let current = -1;
  let span: Span | undefined;
  for (const { lane, offset } of rows) {
    if (lane !== current) span = spans.get((current = lane));
    if (!span) {
      spans.set(lane, (span = { least: offset, greatest: offset, isInOrder: true }));
    } else if (offset > span.greatest) span.greatest = offset;
    else {
      span.isInOrder = false;
      if (offset < span.least) span.least = offset;
    }
  }
  return spans;
}

/** What an insert says of itself: one block, so that all of it comes to rest or nothing. */
const asOneBlock = {
  optimize_on_insert: 0,
  materialize_statistics_on_insert: 0,
  max_insert_threads: '1',
  max_threads: 1,
  max_block_size: '10000000',
  min_insert_block_size_rows: '10000000',
  min_insert_block_size_bytes: '4000000000',
  distributed_foreground_insert: 1,
} as const;
