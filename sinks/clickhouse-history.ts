import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseError } from '@clickhouse/client';
import { CannotRun } from '../contracts/cannot-run.ts';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import { Block } from './clickhouse-block.ts';
import type { WarehousePlace } from './clickhouse-place.ts';
import { literal, quoted, type WarehouseTable } from './clickhouse-tables.ts';
import { isTaken, LaneClaims } from './clickhouse-writers.ts';

const mostTries = 60;
const mostTwice = 16 * 1024 * 1024; // Blocks that are larger are made one after the other: memory is worth more than time.

/**
 * Appends changes to the history of one table, each once: under a claim of its lane, and only what does not rest there
 * yet. One append at a time.
 */
export class History {
  readonly #client: ClickHouseClient;
  readonly #place: WarehousePlace;
  readonly #table: WarehouseTable;
  readonly #claims: LaneClaims;
  #block: Block; // Which is sent,
  #spare: Block; // and which is filled meanwhile.
  #ahead: readonly GovernedRecord[] | null = null; // What the spare one has.
  #inserts = 0;

  constructor(client: ClickHouseClient, place: WarehousePlace, table: WarehouseTable) {
    this.#client = client;
    this.#place = place;
    this.#table = table;
    this.#claims = new LaneClaims(client, place, table.history);
    this.#block = new Block(table);
    this.#spare = new Block(table);
  }

  /** Makes the block of records that will be appended next, in the belief that none of them rests there yet. */
  prepare(records: readonly GovernedRecord[]): void {
    this.#ahead = null;
    if (this.#block.length > mostTwice) return;
    try {
      fill(this.#spare, records);
      this.#ahead = records;
    } catch {
      // It is told when they are appended.
    }
  }

  /** Resolves once all of these rest in the history. */
  async append(records: readonly GovernedRecord[], meanwhile: () => void): Promise<void> {
    const spans = spansOf(records);
    for (let tries = 1; ; tries++) {
      try {
        await this.#claims.take([...spans.keys()]);
        await this.#insert(records, spans, meanwhile);
        return;
      } catch (error) {
        if (error instanceof Refusal) throw error;
        this.#claims.forget();
        if (!isTaken(error) || tries >= mostTries) throw refusalOf(this.#table, error) ?? error;
        await pause(Math.random() * 10 * tries); // Two who take a lane from each other: one goes first.
      }
    }
  }

  async #insert(
    records: readonly GovernedRecord[],
    spans: Spans,
    meanwhile: () => void,
  ): Promise<void> {
    const isNew = [...spans].every(
      ([lane, { least, isInOrder }]) => isInOrder && least >= (this.#claims.held(lane)?.next ?? 0n),
    );
    const missing = isNew ? records : await this.#missing(records, spans);
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
    const query = `INSERT INTO ${this.#place.at(this.#table.history)} (${names}) ${this.#claims.mark}
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

  /** What of these does not rest in the history, each record once. */
  async #missing(
    records: readonly GovernedRecord[],
    spans: Spans,
  ): Promise<readonly GovernedRecord[]> {
    const resting = await this.#resting(spans);
    const seen = new Set<string>();
    return records.filter((record) => {
      const name = `${record.lane}/${record.offset}`;
      const position = resting.get(name);
      if (position !== undefined && position !== positionIn(record)) throw madeAnew(record);
      if (position !== undefined || seen.has(name)) return false;
      seen.add(name);
      return true;
    });
  }

  /** The positions of what rests within such spans, by lane and offset. */
  async #resting(spans: Spans): Promise<ReadonlyMap<string, string>> {
    const ranges = [...spans].map(
      ([lane, { least, greatest }]) =>
        `(_lane = ${lane} AND _offset BETWEEN ${least} AND ${greatest})`,
    );
    const answer = await this.#client.query({
      query: `SELECT concat(toString(_lane), '/', toString(_offset)) AS name,
          concat(toString(_timeline), '/', toString(_lsn), '/', toString(_seq), '/', toString(_part)) AS position
        FROM ${this.#place.resting(this.#table.history)} WHERE ${ranges.join(' OR ')}`,
      format: 'JSONEachRow',
    });
    const rows = await answer.json<{ name: string; position: string }>();
    return new Map(rows.map(({ name, position }) => [name, position]));
  }
}

function fill(block: Block, records: readonly GovernedRecord[]): void {
  block.clear();
  for (const record of records) block.add(record);
}

/** From where to where records go in each lane. */
type Spans = ReadonlyMap<number, Span>;

interface Span {
  least: bigint;
  greatest: bigint;
  isInOrder: boolean; // Each after the one before, as it is but for what came twice.
}

function spansOf(records: readonly GovernedRecord[]): Spans {
  const spans = new Map<number, Span>();
  let current = -1;
  let span: Span | undefined;
  for (const { lane, offset } of records) {
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

function positionIn({ form, value }: GovernedRecord): string {
  const { timeline, lsn, seq, part } = form.read(value);
  return `${timeline}/${lsn}/${seq}/${part}`;
}

/** Offsets are a lane's own: where they begin again, none can be told from what rests. */
const madeAnew = ({ topic, lane, offset }: GovernedRecord): CannotRun =>
  new CannotRun({
    what: `${topic}/${lane} has another change at offset ${offset} than the warehouse: the topic was made anew`,
    where: 'sinks.clickhouse',
    fix: 'deliver into another database of ClickHouse, or drop the histories that came from the topic of before',
  });

/** Codes that speak of the data sent, not of the server's state: a constraint of the table's own. */
const dataCodes = new Set(['131', '349', '469']);

/** What ClickHouse says about data quotes it: only its code is taken over. */
function refusalOf({ source }: WarehouseTable, error: unknown): Refusal | null {
  if (!(error instanceof ClickHouseError) || !dataCodes.has(error.code)) return null;
  const what = `ClickHouse code ${error.code} ${error.type ?? ''}`.trim();
  return new Refusal('rejected-by-sink', `table ${source}: ${what}`, {
    cause: Object.assign(new Error(what), { code: error.code }),
  });
}
