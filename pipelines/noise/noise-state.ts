import { hash, type KeyObject } from 'node:crypto';
import { type Queryable, sql } from '@databases/pg';
import type { NamedContribution } from '../../processors/noise/bounded.ts';
import type { Running } from '../../processors/noise/release.ts';
import { open, seal } from '../../schemas/sealed-box.ts';

/** What of a dataset is published. */
export interface Published {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly endMs: number; // Of its window: the only time that it tells.
}

/** A query of a dataset, and whose series it is. */
export interface Place {
  readonly tenant: string | null;
  readonly query: string;
}

/** That a window was published, and of what. */
export interface Release {
  readonly place: Place;
  readonly from: number;
  readonly inputs: string;
}

/** What decides the bytes of a release: what was promised, and all that went in. */
export const inputsOf = ({ revision, digest }: Running): string => `${revision}/${digest}`;

export const placeName = ({ tenant, query }: Place): string => JSON.stringify([tenant, query]);

interface Part {
  readonly subject: string;
  readonly box: Buffer;
}

const refOfState = Buffer.alloc(16); // No subject's key: that of the state itself.

/**
 * What is remembered of a dataset in Conductor's own database. Exact sums are sealed there: one of them may be of one row.
 */
export class NoiseState {
  readonly #dataset: string;
  readonly #key: KeyObject;

  constructor(dataset: string, key: KeyObject) {
    this.#dataset = dataset;
    this.#key = key;
  }

  /** The window that was decided last, counted from 1970 on; null before the first. */
  async last(db: Queryable): Promise<number | null> {
    const [row] = (await db.query(
      sql`SELECT last::text FROM dp_datasets WHERE dataset = ${this.#dataset}`,
    )) as readonly { readonly last: string }[];
    return row ? Number(row.last) : null;
  }

  async moveOn(tx: Queryable, last: number): Promise<void> {
    await tx.query(sql`
      INSERT INTO dp_datasets (dataset, last) VALUES (${this.#dataset}, ${last})
      ON CONFLICT (dataset) DO UPDATE SET last = excluded.last`);
  }

  /** Where the sums of each query stand, by `placeName`. */
  async running(db: Queryable): Promise<Map<string, Running>> {
    const rows = (await db.query(
      sql`SELECT place, sums FROM dp_sums WHERE dataset = ${this.#dataset}`,
    )) as readonly { readonly place: string; readonly sums: Buffer }[];
    return new Map(
      rows.map(({ place, sums }) => [
        place,
        runningOf(JSON.parse(open(this.#key, sums).toString()) as Written),
      ]),
    );
  }

  async keep(tx: Queryable, running: ReadonlyMap<string, Running | null>): Promise<void> {
    for (const [place, sums] of running) {
      if (!sums) {
        await tx.query(
          sql`DELETE FROM dp_sums WHERE dataset = ${this.#dataset} AND place = ${place}`,
        );
        continue;
      }
      const box = this.#sealed(place, JSON.stringify(written(sums)));
      await tx.query(sql`
        INSERT INTO dp_sums (dataset, place, sums) VALUES (${this.#dataset}, ${place}, ${box})
        ON CONFLICT (dataset, place) DO UPDATE SET sums = excluded.sums`);
    }
  }

  /** In how many windows of a month each of these subjects has counted. */
  async windowsOf(
    db: Queryable,
    month: string,
    names: readonly string[],
  ): Promise<ReadonlyMap<string, number>> {
    if (names.length === 0) return new Map();
    const rows = (await db.query(sql`
      SELECT subject, windows FROM dp_subjects
      WHERE dataset = ${this.#dataset} AND month = ${month} AND subject = ANY(${names})`)) as readonly {
      readonly subject: string;
      readonly windows: number;
    }[];
    return new Map(rows.map(({ subject, windows }) => [subject, windows]));
  }

  /** Counts a window for each of these subjects; months that are over are forgotten. */
  async count(tx: Queryable, month: string, names: readonly string[]): Promise<void> {
    await tx.query(
      sql`DELETE FROM dp_subjects WHERE dataset = ${this.#dataset} AND month < ${month}`,
    );
    if (names.length === 0) return;
    await tx.query(sql`
      INSERT INTO dp_subjects AS known (dataset, month, subject, windows)
      SELECT ${this.#dataset}, ${month}, name, 1 FROM unnest(${names}::text[]) AS name
      ON CONFLICT (dataset, month, subject) DO UPDATE SET windows = known.windows + 1`);
  }

  /** The digest of what a window was released of, with its promise; null if it was not released. */
  async releasedOf(db: Queryable, place: Place, from: number): Promise<string | null> {
    const [row] = (await db.query(sql`
      SELECT inputs FROM dp_releases
      WHERE dataset = ${this.#dataset} AND place = ${placeName(place)} AND window_from = ${from}`)) as readonly {
      readonly inputs: string;
    }[];
    return row?.inputs ?? null;
  }

  async release(tx: Queryable, releases: readonly Release[]): Promise<void> {
    for (let at = 0; at < releases.length; at += mostRows) {
      const part = releases.slice(at, at + mostRows);
      const places = part.map(({ place }) => placeName(place));
      const froms = part.map(({ from }) => `${from}`);
      const inputs = part.map((each) => each.inputs);
      await tx.query(sql`
        INSERT INTO dp_releases (dataset, place, window_from, inputs)
        SELECT ${this.#dataset}, * FROM unnest(${places}::text[], ${froms}::bigint[], ${inputs}::text[])`);
    }
  }

  /** What may count of the parts of a window that came so far, of these subjects. */
  async openParts(db: Queryable, names: readonly string[]): Promise<readonly NamedContribution[]> {
    const rows = (await db.query(sql`
      SELECT subject, box FROM dp_parts
      WHERE dataset = ${this.#dataset} AND subject = ANY(${names})`)) as readonly Part[];
    return rows.flatMap((part) => this.#opened(part));
  }

  /** What may count of the parts of a window that came so far: so many subjects at a time, each with all that is its own. */
  async *openPages(db: Queryable): AsyncGenerator<readonly NamedContribution[]> {
    let last: string | undefined = '';
    while (last !== undefined) {
      const rows = (await db.query(sql`
        SELECT subject, box FROM dp_parts
        WHERE dataset = ${this.#dataset} AND subject > ${last}
        ORDER BY subject LIMIT ${mostRows}`)) as readonly Part[];
      if (rows.length > 0) yield rows.flatMap((part) => this.#opened(part));
      last = rows.at(-1)?.subject;
    }
  }

  #opened({ box }: Part): readonly NamedContribution[] {
    return contributionsOf(open(this.#key, box).toString());
  }

  async keepParts(
    tx: Queryable,
    parts: readonly (readonly [name: string, counting: readonly NamedContribution[]])[],
  ): Promise<void> {
    for (let at = 0; at < parts.length; at += mostRows) {
      const some = parts.slice(at, at + mostRows);
      const names = some.map(([name]) => name);
      const boxes = some.map(([name, counting]) =>
        hex(this.#sealed(name, contributionsText(counting))),
      );
      await tx.query(sql`
        INSERT INTO dp_parts (dataset, subject, box)
        SELECT ${this.#dataset}, name, decode(box, 'hex')
        FROM unnest(${names}::text[], ${boxes}::text[]) AS each (name, box)
        ON CONFLICT (dataset, subject) DO UPDATE SET box = excluded.box`);
    }
  }

  async closeParts(tx: Queryable): Promise<void> {
    await tx.query(sql`DELETE FROM dp_parts WHERE dataset = ${this.#dataset}`);
  }

  #sealed(of: string, text: string): Buffer {
    const occasion = { change: `${this.#dataset}/${of}`, revision: hash('sha256', text) };
    return seal({ ref: refOfState, key: this.#key }, occasion, text);
  }

  /** Keeps the very bytes that are to be sent. */
  async keepUnsent(tx: Queryable, published: readonly Published[]): Promise<void> {
    for (let at = 0; at < published.length; at += mostRows) {
      const part = published.slice(at, at + mostRows);
      const [keys, values] = [part.map(({ key }) => hex(key)), part.map(({ value }) => hex(value))];
      const ends = part.map(({ endMs }) => `${endMs}`);
      await tx.query(sql`
        INSERT INTO dp_unsent (dataset, key, value, end_ms)
        SELECT ${this.#dataset}, decode(key, 'hex'), decode(value, 'hex'), end_ms
        FROM unnest(${keys}::text[], ${values}::text[], ${ends}::bigint[])
          WITH ORDINALITY AS each (key, value, end_ms, n)
        ORDER BY n`);
    }
  }

  /** What was decided and may not have been sent, in its order. */
  async unsent(db: Queryable): Promise<readonly Published[]> {
    const rows = await db.query(sql`
      SELECT key, value, end_ms::float8 AS "endMs" FROM dp_unsent
      WHERE dataset = ${this.#dataset} ORDER BY n`);
    return rows as readonly Published[];
  }

  async sent(db: Queryable): Promise<void> {
    await db.query(sql`DELETE FROM dp_unsent WHERE dataset = ${this.#dataset}`);
  }
}

const mostRows = 1_000;
const hex = (bytes: Buffer) => bytes.toString('hex');

/** Makes the tables where they are not there. */
export async function createNoiseTables(tx: Queryable): Promise<void> {
  await tx.query(
    sql`CREATE TABLE IF NOT EXISTS dp_datasets (dataset TEXT PRIMARY KEY, last BIGINT NOT NULL)`,
  );
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_sums (
      dataset TEXT NOT NULL, place TEXT NOT NULL, sums BYTEA NOT NULL, PRIMARY KEY (dataset, place)
    )`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_subjects (
      dataset TEXT NOT NULL, month TEXT NOT NULL, subject TEXT NOT NULL, windows INTEGER NOT NULL,
      PRIMARY KEY (dataset, month, subject)
    )`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_parts (
      dataset TEXT NOT NULL, subject TEXT NOT NULL, box BYTEA NOT NULL, PRIMARY KEY (dataset, subject)
    )`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_releases (
      dataset TEXT NOT NULL, place TEXT NOT NULL, window_from BIGINT NOT NULL, inputs TEXT NOT NULL,
      PRIMARY KEY (dataset, place, window_from)
    )`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_unsent (
      n BIGSERIAL PRIMARY KEY, dataset TEXT NOT NULL, key BYTEA NOT NULL, value BYTEA NOT NULL, end_ms BIGINT NOT NULL
    )`);
}

/** JSON has no whole numbers of this size: cells are text there. */
interface Written extends Omit<Running, 'sums' | 'carried'> {
  readonly sums: string;
  readonly carried: string;
}

const written = (running: Running): Written => ({
  ...running,
  sums: cellsText(running.sums),
  carried: cellsText(running.carried),
});

const runningOf = (from: Written): Running => ({
  ...from,
  sums: cellsOf(from.sums),
  carried: cellsOf(from.carried),
});

const cellsText = (cells: Running['sums']) => cells.map((each) => each.join(',')).join(';');
const cellsOf = (text: string): Running['sums'] =>
  text.split(';').map((each) => each.split(',').map(BigInt));

const contributionsText = (all: readonly NamedContribution[]): string =>
  JSON.stringify(all, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));

function contributionsOf(text: string): readonly NamedContribution[] {
  const all = JSON.parse(text) as readonly NamedContribution[];
  return all.map((each) => ({
    ...each,
    effects: each.effects.map(([query, channel, cell, units]) => [
      query,
      channel,
      cell,
      BigInt(units),
    ]),
  }));
}
