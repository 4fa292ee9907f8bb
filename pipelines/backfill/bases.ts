import pg from 'pg';
import type { Column } from '../../processors/transcode/columns.ts';
import type { Output } from '../../processors/transcode/output.ts';
import { isUnchanged, type Tuple } from '../../processors/transcode/tuple.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { hangUp } from '../wal/own-pool.ts';
import type { Table } from '../wal/relations.ts';
import { CopiedRows, copyHead } from './copied-rows.ts';
import { copyClient, copyOut } from './copy-out.ts';
import { describeTable } from './described.ts';
import type { Base, Runs } from './runs.ts';

export interface BasesSettings {
  readonly url: string; // Of the source itself: a standby may not have the row yet.
  readonly publication: string;
  readonly slot: string;
  readonly system: string;
}

/** How the rows of a table are asked for, as long as its form stays the same. */
interface Asking {
  readonly form: Table['relation'];
  readonly select: string;
  readonly filter: string | null;
}

const mostKnown = 100_000;
const patienceMs = 60_000; // The stream waits meanwhile: somebody may hold the table locked, or the server is gone.

/**
 * An update may leave out a long value that it did not change. Of a row that is not copied yet nobody has
 * that value, and its later copy would come after the update: so its base is fetched and sent ahead of it.
 */
export class Bases implements AsyncDisposable {
  readonly #settings: BasesSettings;
  readonly #parts: { readonly runs: Runs; readonly output: Output };
  readonly #known = new Set<string>();
  readonly #asking = new Map<string, Asking | null>();
  readonly #scratch = new Bytes(256);
  /** Where the rows of a table stand that may not have been copied yet; null if none is being copied. */
  baseOf: (table: string) => Base | null = () => null;
  #client: pg.Client | null = null;

  constructor(settings: BasesSettings, parts: { readonly runs: Runs; readonly output: Output }) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Whether an update of this row needs its base sent ahead. */
  needs(table: Table, row: Tuple): boolean {
    if (table.way.kind === 'refused' || table.key.length === 0) return false;
    if (this.baseOf(table.table) === null) return false;
    const { lengths, count } = row;
    let index = 0;
    while (index < count && lengths[index] !== isUnchanged) index++;
    return index < count;
  }

  /** Sends the row as it is now. If it is gone meanwhile there is nothing to send, and its delete follows. */
  async send(table: Table, row: Tuple): Promise<void> {
    const base = this.baseOf(table.table);
    if (!base || table.way.kind === 'refused') return;
    const where = whereOf(table.way.encoder.key, row, this.#scratch);
    const name = `${table.table} ${where}`;
    if (this.#known.has(name)) return;
    const asking = await this.#askingOf(table);
    if (!asking) return;
    const { slot, system } = this.#settings;
    const { runs, output } = this.#parts;
    const client = (this.#client ??= await copyClient(this.#settings.url, patienceMs));
    const read = await runs.nextRead();
    const head = copyHead(base, { log: `${slot}/base`, system });
    const asText = table.columns.map(() => true); // Whatever its type is by now.
    const rows = new CopiedRows({ table, asText, head, read, touched: null, output });
    const wanted = asking.filter ? `${where} AND (${asking.filter})` : where;
    const command = `COPY (SELECT ${asking.select} WHERE ${wanted}) TO STDOUT (FORMAT binary)`;
    try {
      for await (const gulp of copyOut(client, command)) rows.encode(gulp);
    } catch (error) {
      this.#asking.delete(table.table);
      if (!isOfTable(error)) throw error; // It was altered since, or may not be read: the copy of it says so.
    }
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.add(name);
  }

  /** Has them all sent again: what was sent of a table has ended. */
  forget(): void {
    this.#known.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client) await hangUp(this.#client);
  }

  async #askingOf({ table, relation }: Table): Promise<Asking | null> {
    const known = this.#asking.get(table);
    if (known?.form === relation) return known;
    const client = (this.#client ??= await copyClient(this.#settings.url, patienceMs));
    const described = await describeTable(client, table, this.#settings.publication);
    const printed = relation.columns.map(({ name }) => described?.printed.get(name));
    const asking =
      described && !printed.includes(undefined)
        ? {
            form: relation,
            select: `${printed.join(', ')} FROM ${described.from}`,
            filter: described.filter,
          }
        : null;
    this.#asking.set(table, asking);
    return asking;
  }
}

/** Of its names and rights, or of values: what was the key's text may be none of its type any more. */
const isOfTable = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^(?:22|42)/.test(String(error.code));

const whereOf = (key: readonly Column[], row: Tuple, scratch: Bytes): string =>
  key
    .map((column) => {
      const { name } = column.avro;
      return `${pg.escapeIdentifier(name)} = ${pg.escapeLiteral(column.text(row, scratch) ?? '')}`;
    })
    .join(' AND ');
