import type { Forms, KnownForm } from '../../../pipelines/wal/forms.ts';
import type { Relation } from '../../../schemas/relation.ts';

const unknown: KnownForm = { oid: null, columns: [], isRefused: false, accepted: false };

/** Forms that are remembered as long as the test lasts: what was opened counts once it is confirmed. */
export class MemoryForms implements Forms {
  readonly tables = new Map<string, KnownForm>();
  readonly refusals: string[] = [];
  #pending: { readonly relation: Relation; readonly lsn: bigint }[] = [];

  async known(table: string): Promise<KnownForm | null> {
    return this.tables.get(table) ?? null;
  }

  opened(relation: Relation, lsn: bigint): void {
    this.#pending.push({ relation, lsn });
  }

  async refused({ table }: Relation, message: string): Promise<void> {
    this.refusals.push(message);
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
