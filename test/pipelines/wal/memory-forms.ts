import { type Forms, isOfForm, type KnownForm } from '../../../pipelines/wal/forms.ts';
import type { Relation } from '../../../schemas/relation.ts';

const unknown: KnownForm = { oid: null, columns: [], isRefused: false, accepted: false };

/** Forms that are remembered as long as the test lasts: what was opened counts once it is confirmed. */
export class MemoryForms implements Forms {
  readonly tables = new Map<string, KnownForm>();
  readonly refusals: string[] = [];
  readonly #latest = new Map<string, Relation>();
  #pending: { readonly relation: Relation; readonly lsn: bigint }[] = [];

  async known(table: string): Promise<KnownForm | null> {
    return this.tables.get(table) ?? null;
  }

  opened(relation: Relation, lsn: bigint): boolean {
    const last = this.#latest.get(relation.table);
    if (last && isOfForm(relation, last)) return false;
    this.#latest.set(relation.table, relation);
    this.#pending.push({ relation, lsn });
    return true;
  }

  /** What a process forgets that ends. */
  restart(): void {
    this.#latest.clear();
    this.#pending = [];
  }

  async refused({ table }: Relation, message: string): Promise<void> {
    this.refusals.push(message);
    this.#latest.delete(table);
    this.#change(table, { isRefused: true });
  }

  async confirmed(lsn: bigint): Promise<void> {
    for (const { relation, lsn: at } of this.#pending) {
      const { table, oid, columns } = relation;
      if (at <= lsn) this.#change(table, { oid, columns, isRefused: false, accepted: false });
    }
    this.#pending = this.#pending.filter(({ lsn: at }) => at > lsn);
  }

  async forget(): Promise<void> {
    this.tables.clear();
  }

  async accepted(): Promise<readonly string[]> {
    return [...this.tables].flatMap(([table, { accepted }]) => (accepted ? table : []));
  }

  async memberships(): Promise<ReadonlyMap<string, string>> {
    return new Map();
  }

  async joined(): Promise<void> {}

  accept(table: string): void {
    this.#change(table, { accepted: true });
  }

  #change(table: string, change: Partial<KnownForm>): void {
    this.tables.set(table, { ...unknown, ...this.tables.get(table), ...change });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
