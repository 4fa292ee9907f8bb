import type { TableContract } from '../../contracts/contract.ts';
import { Column } from '../../processors/transcode/columns.ts';
import type { Told } from '../../processors/transcode/kept-change.ts';
import type { TableEncoder } from '../../processors/transcode/table-encoder.ts';
import { typeText } from '../../schemas/pg-type.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Relation } from '../../schemas/relation.ts';
import type { SentRelation } from './pgoutput.ts';

/** What is to be done with a table's changes, as long as its form stays the same. */
export type Way =
  | { readonly kind: 'open'; readonly encoder: TableEncoder }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** A table of the WAL, ready for its rows. */
export interface Table extends Told {
  readonly relation: Relation;
  readonly way: Way;
  readonly contract: TableContract | null;
}

/** Finds the way of a table in a form that was not seen before: registers its schema, or refuses it. */
export type Opening = (relation: Relation, lsn: bigint) => Promise<Way>;

/** The tables of one slot by their OIDs: what they are called may change, and may change hands. */
export class Relations {
  readonly #contracts: ReadonlyMap<string, TableContract>;
  readonly #opening: Opening;
  readonly #types = new Map<number, { readonly schema: string; readonly name: string }>();
  readonly #latest = new Map<number, Relation>(); // As described last, be it for what is held.
  readonly #current = new Map<number, Relation>(); // Of what is read now.
  readonly #recalled = new Set<number>(); // Tables that are read in a form of another time.
  readonly #tables = new Map<number, Table>();

  constructor(contracts: ReadonlyMap<string, TableContract>, opening: Opening) {
    this.#contracts = contracts;
    this.#opening = opening;
  }

  learnType(oid: number, schema: string, name: string): void {
    this.#types.set(oid, { schema, name });
  }

  /** Takes note of a table's form. What follows from it waits for the first row: the transaction may be undone. */
  learn(sent: SentRelation): void {
    this.foresee(sent);
    this.#take(this.#formOf(sent));
  }

  /**
   * Takes note of a form that came with a transaction which is read later. The server says a form once, to
   * whoever comes first: after that transaction the others have it from there.
   */
  foresee(sent: SentRelation): void {
    this.#latest.set(sent.oid, this.#formOf(sent));
  }

  /** A table's form as what is read now has it; undefined if the server has not described it. */
  formOf(oid: number): Relation | undefined {
    return this.#current.get(oid);
  }

  /** Goes back to a form that was held: what is read now was written before others came. */
  recall(sent: SentRelation): void {
    this.restore([this.#formOf(sent)]);
  }

  /** Goes back to forms as they were, until `catchUp`. */
  restore(forms: Iterable<Relation>): void {
    for (const form of forms) {
      this.#recalled.add(form.oid);
      this.#take(form);
    }
  }

  /** Goes on with the forms that came last, in the order of their arrival, whenever they were read. */
  catchUp(): void {
    for (const oid of this.#recalled) {
      const latest = this.#latest.get(oid);
      if (latest) this.#take(latest);
    }
    this.#recalled.clear();
  }

  #formOf({ oid, schema, name, identity, columns }: SentRelation): Relation {
    return {
      oid,
      schema,
      name,
      table: `${schema}.${name}`,
      identity: identities[identity] ?? 'default',
      columns: columns.map((column) => ({
        name: column.name,
        oid: column.oid,
        type: typeText(column.oid, column.typmod, this.#types),
        identity: column.identity,
      })),
    };
  }

  #take(relation: Relation): void {
    const { oid } = relation;
    this.#current.set(oid, relation);
    const known = this.#tables.get(oid);
    if (known && !sameForm(known.relation, relation)) this.#tables.delete(oid);
  }

  /** The table, if it is ready for its rows. */
  get(oid: number): Table | undefined {
    return this.#tables.get(oid);
  }

  /** Makes a table ready. */
  async open(oid: number, lsn: bigint): Promise<Table> {
    const relation = this.#current.get(oid);
    if (!relation)
      throw new Error(`the server sent a change of relation ${oid} before describing it`);
    const contract = this.#contracts.get(relation.table) ?? null;
    const way: Way = contract
      ? await this.#opening(relation, lsn)
      : { kind: 'refused', refusal: noContract(relation) };
    const columns =
      way.kind === 'open'
        ? way.encoder.columns
        : relation.columns.map((column, index) => new Column(index, column));
    const key = contract?.key ?? [];
    const table = { table: relation.table, relation, way, contract, columns, key };
    this.#tables.set(oid, table);
    return table;
  }

  /** Whether changes of any table are refused. */
  get hasRefused(): boolean {
    for (const { way } of this.#tables.values()) if (way.kind === 'refused') return true;
    return false;
  }

  /** Forgets that these tables were refused, so that they are tried again. */
  retry(tables: readonly string[]): void {
    for (const [oid, { table, way }] of this.#tables)
      if (way.kind === 'refused' && tables.includes(table)) this.#tables.delete(oid);
  }
}

const identities: Readonly<Record<string, Relation['identity']>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

const noContract = ({ table }: Relation) =>
  new Refusal(
    'no-contract',
    `table ${table} has no contract: write one, or take it out of the publication`,
  );

const sameForm = (a: Relation, b: Relation): boolean => JSON.stringify(a) === JSON.stringify(b);
