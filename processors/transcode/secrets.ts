import type { TableContract } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import { Bytes } from '../../schemas/bytes.ts';
import type { Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { boxPair, firstNonce, type Sealer } from '../../schemas/sealed-box.ts';
import type { Column, Image } from './columns.ts';
import type { Head } from './head.ts';
import { OwnerKeys } from './owner-keys.ts';
import { RowOwner } from './row-owner.ts';

interface Named {
  readonly column: Column;
  readonly name: Buffer; // As JSON, with its colon.
}

/**
 * Boxes what is confidential of a row under its subject's key, straight from the server's bytes; of a row
 * that moves to another subject, what it was under the key of whom it left. What belongs to an erased
 * subject is withheld; its delete passes, for it tells nothing of the subject but that it is gone.
 */
export class Secrets {
  readonly #contract: TableContract;
  readonly #columns: readonly Named[];
  readonly #owner: RowOwner;
  readonly #keyring: Keyring;
  readonly #keys: OwnerKeys;
  #epoch: number;
  readonly #plain = new Bytes(1_024);
  readonly #left = new Bytes(256);
  readonly #came = new Bytes(256);
  #nonces: { readonly head: Head; readonly first: Buffer } | null = null;

  constructor(contract: TableContract, columns: readonly Column[], keyring: Keyring) {
    this.#contract = contract;
    this.#owner = new RowOwner(contract, columns);
    this.#keyring = keyring;
    this.#epoch = keyring.epoch;
    this.#keys = new OwnerKeys([this.#owner.tenant, this.#owner.subject]);
    const open = new Set(contract.columns.filter(isOpen).map(({ name }) => name));
    const promised = new Set(contract.columns.map(({ name }) => name));
    const owned = contract.tenant !== null || contract.subject !== null;
    this.#columns = columns
      .filter(({ avro }) => !open.has(avro.name))
      .filter(({ avro }) => owned || promised.has(avro.name)) // Nobody's key could seal it: it is dropped.
      .map((column) => ({ column, name: Buffer.from(`${JSON.stringify(column.avro.name)}:`) }));
  }

  /** The row's tenant as text; null if the row does not tell it. */
  tenantOf(image: Image): string | null {
    return this.#owner.tenantOf(image);
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
    const moved = before && after && !this.#sameOwner(before, after) ? before : null;
    const tells = this.#writeBoth(moved ? null : before, after, op);
    const left = moved && this.#leaver(moved);
    if (tells === 'nothing' && !left) return 'nothing';

    const sealer = this.#sealerOf(image);
    if (!sealer && tells === 'after') throw this.#noOwner();
    if (!sealer) return 'nothing'; // A delete that tells only its key.
    if (sealer === 'destroyed') return after ? 'erased' : 'nothing';
    const nonce = this.#firstNonce(head);
    const place = { seq, part };
    this.box.clear();
    if (moved && left && !left.ref.equals(sealer.ref)) {
      this.#came.clear();
      sealer.seal(this.#came, nonce, place, this.#plain);
      this.#writeBoth(moved, null, op);
      this.#left.clear();
      left.seal(this.#left, nonce, place, this.#plain); // The same nonce, under another key.
      boxPair(this.box, this.#left, this.#came);
      return 'sealed';
    }
    if (left) this.#writeBoth(moved, after, op); // The same owner in other words.
    sealer.seal(this.box, nonce, place, this.#plain);
    return 'sealed';
  }

  /** Seals for whom a row leaves; null if it tells nothing of him, or not who he is, or he is erased. */
  #leaver(before: Image): Sealer | null {
    if (!this.#owner.isToldBy(before)) return null;
    if (!this.#columns.some(({ column }) => column.tells(before))) return null;
    const sealer = this.#sealerOf(before);
    return sealer === 'destroyed' ? null : sealer;
  }

  /** Writes what a box is to hold, and which of it tells something. */
  #writeBoth(before: Image | null, after: Image | null, op: Op): 'after' | 'before' | 'nothing' {
    const plain = this.#plain;
    plain.clear();
    plain.ascii('{"before":');
    const told = this.#write(before, false);
    plain.ascii(',"after":');
    const telling = this.#write(after, op === 'insert');
    plain.byte(0x7d);
    return telling ? 'after' : told ? 'before' : 'nothing';
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
        if (isNew ? !column.isTold(image) : !column.tells(image)) continue;
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
    return [this.#owner.subject, this.#owner.tenant].every((column) => {
      if (!column) return true;
      if (!column.isTold(before)) return !column.has(after.tuple);
      return before.tuple.same(column.index, after.tuple);
    });
  }

  /** Seals for whom a row belongs to; null if the row tells neither its subject nor its tenant. */
  #sealerOf(image: Image): Sealer | 'destroyed' | null {
    const { subject, table } = this.#contract;
    if (subject && this.#owner.subject?.isUnchanged(image.tuple))
      throw new Refusal(
        'no-subject',
        `table ${table}: a change does not tell its subject (column ${subject.column}); ALTER TABLE ${table} REPLICA IDENTITY FULL`,
      );
    if (this.#owner.tenant?.isUnchanged(image.tuple))
      throw new Refusal(
        'no-tenant',
        `table ${table}: a change does not tell its tenant (column ${this.#contract.tenant}); ALTER TABLE ${table} REPLICA IDENTITY FULL`,
      );
    if (this.#keyring.epoch !== this.#epoch) {
      this.#epoch = this.#keyring.epoch;
      this.#keys.clear();
    }
    const known = this.#keys.find(image.tuple);
    if (known) return known;
    const owner = this.#owner.ownerOf(image);
    const owned = owner && this.#keyring.keyOf(owner);
    return owned && owned !== 'destroyed' ? this.#keys.keep(image.tuple, owned) : owned;
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
