import { isUtf8 } from 'node:buffer';
import type { TableContract } from '../../contracts/contract.ts';
import type { Owner } from '../../contracts/keys/keyring.ts';
import type { Image } from '../../processors/transcode/columns.ts';
import { keptChange } from '../../processors/transcode/kept-change.ts';
import type { Head } from '../../processors/transcode/head.ts';
import type { Output } from '../../processors/transcode/output.ts';
import { RowOwner } from '../../processors/transcode/row-owner.ts';
import { isNull, Tuple } from '../../processors/transcode/tuple.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Relation } from '../../schemas/relation.ts';
import type { LogicalMessage } from './pgoutput.ts';
import type { Opening, Table } from './relations.ts';
import { Column } from '../../processors/transcode/columns.ts';
import type { Written } from './rows.ts';

/**
 * Takes messages of `pg_logical_emit_message` for rows: the prefix names a contract with `outbox: true`,
 * the content is a JSON object of its columns. Such a table exists in the WAL only.
 */
export class Outbox {
  readonly #contracts: ReadonlyMap<string, TableContract>;
  readonly #opening: Opening;
  readonly #output: Output;
  readonly #tables = new Map<string, Table>();
  readonly #tuple = new Tuple();

  constructor(contracts: readonly TableContract[], opening: Opening, output: Output) {
    this.#contracts = new Map(
      contracts.filter(({ outbox }) => outbox).map((contract) => [contract.table, contract]),
    );
    this.#opening = opening;
    this.#output = output;
  }

  /** Writes the row that a message carries; null if nobody wants it. */
  async write(message: LogicalMessage, head: Head, seq: number): Promise<Written | null> {
    const contract = this.#contracts.get(message.prefix);
    if (!contract) return null;
    const table = this.#tables.get(contract.table) ?? (await this.#open(contract, head.lsn));
    try {
      if (table.way.kind === 'refused') throw table.way.refusal;
      table.way.encoder.checkSize(message.content.length);
      const image = this.#imageOf(table, message.content);
      const isWritten = table.way.encoder.write('insert', null, image, head, seq, 0);
      return isWritten ? 'written' : 'withheld';
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const owners = this.#ownersOf(table, message.content);
      const kept = keptChange(told(table), 'insert', null, this.#said(message), head, seq, 0);
      const value = { ...kept, owners };
      this.#output.refuse({ value, refusal }, message.content.length);
      return 'refused';
    }
  }

  /** Whether messages of any table are refused. */
  get hasRefused(): boolean {
    for (const { way } of this.#tables.values()) if (way.kind === 'refused') return true;
    return false;
  }

  /** Forgets that these tables were refused, so that they are tried again. */
  retry(tables: readonly string[]): void {
    for (const [name, { way }] of this.#tables)
      if (way.kind === 'refused' && tables.includes(name)) this.#tables.delete(name);
  }

  async #open(contract: TableContract, lsn: bigint): Promise<Table> {
    const dot = contract.table.indexOf('.');
    const relation: Relation = {
      oid: 0,
      schema: contract.table.slice(0, dot),
      name: contract.table.slice(dot + 1),
      table: contract.table,
      identity: 'default',
      columns: contract.columns.map(({ name, type }) => ({
        name,
        type,
        oid: 0,
        identity: contract.key.includes(name),
      })),
    };
    const way = await this.#opening(relation, lsn);
    const columns = relation.columns.map((column, index) => new Column(index, column));
    const { key } = contract;
    const table = { table: contract.table, relation, way, contract, columns, key };
    this.#tables.set(contract.table, table);
    return table;
  }

  /** Whom a message tells of, if it is a row at all. */
  #ownersOf(table: Table, content: Buffer): readonly Owner[] {
    const { contract, columns } = table;
    try {
      return contract
        ? [new RowOwner(contract, columns).told(this.#imageOf(table, content)) ?? []].flat()
        : [];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return [];
    }
  }

  /** The content as it came, for it may be no row. */
  #said({ content }: LogicalMessage): Image {
    const tuple = this.#tuple;
    tuple.reset(content, 1);
    tuple.size = content.length;
    tuple.starts[0] = 0;
    tuple.lengths[0] = content.length;
    tuple.binary[0] = 0;
    return { tuple, whole: true };
  }

  /** The content as the server would have sent the row: a text per column. */
  #imageOf({ relation }: Table, content: Buffer): Image {
    const values = objectOf(relation.table, content);
    const known = new Set(relation.columns.map(({ name }) => name));
    for (const name of values.keys())
      if (!known.has(name))
        throw undecodable(
          relation.table,
          `names ${JSON.stringify(name)}, which its contract does not`,
        );
    const cells = relation.columns.map(({ name, type }) => {
      const text = textOf(values.get(name) ?? null, type);
      if (text?.isWellFormed() === false)
        throw undecodable(relation.table, `has half a character in ${JSON.stringify(name)}`);
      return text === null ? null : Buffer.from(text);
    });
    const tuple = this.#tuple;
    tuple.reset(Buffer.concat(cells.filter((cell) => cell !== null)), cells.length);
    let at = 0;
    for (const [index, cell] of cells.entries()) {
      const length = cell === null ? isNull : cell.length;
      tuple.starts[index] = at;
      tuple.lengths[index] = length;
      tuple.binary[index] = 0;
      if (length > 0) at += length;
    }
    return { tuple, whole: true };
  }
}

const contentColumn = new Column(0, { name: 'content', type: 'text', oid: 0, identity: false });

/** What its letter tells of a table: a message has one column. */
const told = ({ table }: Table) => ({ table, columns: [contentColumn], key: [], contract: null });

/** An object's values; a number keeps its digits, whatever JavaScript would make of them. */
function objectOf(table: string, content: Buffer): ReadonlyMap<string, unknown> {
  // The server sends it as it was emitted, and not, like all else, in the encoding of its client.
  if (!isUtf8(content))
    throw undecodable(table, "is not UTF-8: where the database is not, emit convert_to(…, 'UTF8')");
  let whole: unknown;
  try {
    whole = JSON.parse(content.toString(), function (
      this: unknown,
      key,
      value: unknown,
      context?: { source?: string },
    ) {
      return typeof value === 'number' ? new Digits(context?.source ?? `${value}`) : value;
    } as (key: string, value: unknown) => unknown);
  } catch {
    throw undecodable(table, 'is not JSON'); // The cause would quote it.
  }
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole))
    throw undecodable(table, 'is not a JSON object');
  return new Map(Object.entries(whole));
}

/** A part of JSON that its types do not know yet. */
interface WithRaw {
  rawJSON(text: string): unknown;
}

class Digits {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toJSON(): unknown {
    return (JSON as unknown as WithRaw).rawJSON(this.text);
  }
}

/** A value as the server would have sent it for a column of the type. */
function textOf(value: unknown, type: string): string | null {
  if (value === null) return null;
  if (typeof value === 'string' && type !== 'json' && type !== 'jsonb') return value;
  if (typeof value === 'boolean' && type === 'boolean') return value ? 't' : 'f';
  return JSON.stringify(value);
}

const undecodable = (table: string, what: string) =>
  new Refusal(
    'undecodable',
    `outbox ${table}: a message ${what}; emit a JSON object of the contract's columns`,
  );
