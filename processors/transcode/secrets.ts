import type { TableContract } from '../../contracts/contract.ts';
import type { Keyring, Owner } from '../../contracts/keys/keyring.ts';
import { Bytes } from '../../schemas/bytes.ts';
import type { Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { firstNonce, type Sealer } from '../../schemas/sealed-box.ts';
import type { Column, Image } from './columns.ts';
import type { Head } from './head.ts';
import { OwnerKeys } from './owner-keys.ts';

interface Named {
  readonly column: Column;
  readonly name: Buffer; // As JSON, with its colon.
}

/**
 * Boxes what is confidential of a row under its subject's key, straight from the server's bytes. What
 * belongs to an erased subject is withheld; its delete passes, for it tells nothing of the subject but
 * that it is gone.
 */
export class Secrets {
  readonly #contract: TableContract;
  readonly #columns: readonly Named[];
  readonly #tenant: Column | null;
  readonly #subject: Column | null;
  readonly #keyring: Keyring;
  readonly #keys: OwnerKeys;
  readonly #plain = new Bytes(1_024);
  readonly #scratch = new Bytes(256);
  #nonces: { readonly head: Head; readonly first: Buffer } | null = null;

  constructor(contract: TableContract, columns: readonly Column[], keyring: Keyring) {
    const named = (name: string | null | undefined) =>
      columns.find(({ avro }) => avro.name === name) ?? null;
    this.#contract = contract;
    this.#tenant = named(contract.tenant);
    this.#subject = named(contract.subject?.column);
    this.#keyring = keyring;
    this.#keys = new OwnerKeys([this.#tenant, this.#subject]);
    const open = new Set(contract.columns.filter(isOpen).map(({ name }) => name));
    const promised = new Set(contract.columns.map(({ name }) => name));
    const owned = contract.tenant !== null || contract.subject !== null;
    this.#columns = columns
      .filter(({ avro }) => !open.has(avro.name))
      .filter(({ avro }) => owned || promised.has(avro.name)) // Nobody's key could seal it: it is dropped.
      .map((column) => ({ column, name: Buffer.from(`${JSON.stringify(column.avro.name)}:`) }));
  }

  /** The row's tenant as text; null if the row does not tell it. */
  tenantOf({ tuple }: Image): string | null {
    return this.#tenant?.text(tuple, this.#scratch) ?? null;
  }

  /** The box that was sealed last. */
  readonly box = new Bytes(1_024);

  /** Seals what is confidential in a change; 'nothing' is, or 'erased' was whom it is about. */
  seal(
    op: Op,
    before: Image | null,
    after: Image | null,
    head: Head,
    seq: number,
    part: number,
  ): 'sealed' | 'erased' | 'nothing' {
    const image = after ?? before;
    if (this.#columns.length === 0 || !image) return 'nothing';
    const plain = this.#plain;
    plain.clear();
    plain.ascii('{"before":');
    const told = this.#write(before && this.#sameOwner(before, after) ? before : null, false);
    plain.ascii(',"after":');
    const telling = this.#write(after, op === 'insert');
    plain.byte(0x7d);
    if (!told && !telling) return 'nothing';

    const sealer = this.#sealerOf(image);
    if (!sealer && telling) throw this.#noOwner();
    if (!sealer) return 'nothing'; // A delete that tells only its key.
    if (sealer === 'destroyed') return after ? 'erased' : 'nothing';
    this.box.clear();
    sealer.seal(this.box, this.#firstNonce(head), { seq, part }, plain);
    return 'sealed';
  }

  #firstNonce(head: Head): Buffer {
    if (this.#nonces?.head !== head) {
      const { system, log, timeline, lsn } = head;
      const first = firstNonce(`${system}/${log}/${timeline}/${lsn}`, this.#contract.revision);
      this.#nonces = { head, first };
    }
    return this.#nonces.first;
  }

  /**
   * Writes the confidential columns of an image; false if it has none. A new row says of a
   * column that it was not sent: of one that it says nothing of, the table has it no more.
   */
  #write(image: Image | null, isNew: boolean): boolean {
    const out = this.#plain;
    const begun = out.at;
    if (image) {
      for (const { column, name } of this.#columns) {
        if (!column.isTold(image) || (!isNew && column.isUnchanged(image.tuple))) continue;
        out.byte(out.at === begun ? 0x7b : 0x2c);
        out.copy(name, 0, name.length);
        column.json('secret', image.tuple, out);
      }
    }
    if (out.at === begun) {
      out.ascii('null');
      return false;
    }
    out.byte(0x7d);
    return true;
  }

  /** A box holds both images only if one subject of one tenant owns both. */
  #sameOwner(before: Image, after: Image | null): boolean {
    if (!after) return true;
    return [this.#subject, this.#tenant].every((column) => {
      if (!column) return true;
      if (!column.isTold(before)) return !column.has(after.tuple);
      return before.tuple.same(column.index, after.tuple);
    });
  }

  /** Seals for whom a row belongs to; null if the row tells neither its subject nor its tenant. */
  #sealerOf(image: Image): Sealer | 'destroyed' | null {
    const { subject, table } = this.#contract;
    if (subject && this.#subject?.isUnchanged(image.tuple))
      throw new Refusal(
        'no-subject',
        `table ${table}: a change does not tell its subject (column ${subject.column}); ALTER TABLE ${table} REPLICA IDENTITY FULL`,
      );
    if (this.#tenant?.isUnchanged(image.tuple))
      throw new Refusal(
        'no-tenant',
        `table ${table}: a change does not tell its tenant (column ${this.#contract.tenant}); ALTER TABLE ${table} REPLICA IDENTITY FULL`,
      );
    const known = this.#keys.find(image.tuple);
    if (known) return known;
    const owner = this.#ownerOf(image);
    const owned = owner && this.#keyring.keyOf(owner);
    return owned && owned !== 'destroyed' ? this.#keys.keep(image.tuple, owned) : owned;
  }

  #ownerOf(image: Image): Owner | null {
    const { subject, tenant: column } = this.#contract;
    const tenant = this.tenantOf(image);
    const person = this.#subject?.text(image.tuple, this.#scratch) ?? null;
    if (subject && person !== null) return { tenant, domain: subject.domain, subject: person };
    return tenant === null ? null : { tenant, domain: column ?? '', subject: null };
  }

  #noOwner(): Refusal {
    return new Refusal(
      'no-subject',
      `table ${this.#contract.table}: a row with confidential columns tells neither its subject nor its tenant, so there is no key to seal it with`,
    );
  }
}

const isOpen = ({ classification }: TableContract['columns'][number]): boolean =>
  classification === 'public' || classification === 'internal';
