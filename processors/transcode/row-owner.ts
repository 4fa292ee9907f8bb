import type { Owner } from '../../contracts/keys/keyring.ts';
import { type OwnedRows, ownerNamed } from '../../contracts/keys/owners.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Column, Image } from './columns.ts';

/** Tells of a table's rows whom they belong to, as far as a row tells it. */
export class RowOwner {
  readonly tenant: Column | null;
  readonly subject: Column | null;
  readonly #contract: OwnedRows;
  readonly #scratch = new Bytes(256);

  constructor(contract: OwnedRows, columns: readonly Column[]) {
    const named = (name: string | null | undefined) =>
      columns.find(({ avro }) => avro.name === name) ?? null;
    this.#contract = contract;
    this.tenant = named(contract.tenant);
    this.subject = named(contract.subject?.column);
  }

  /** The row's tenant as text; null if the row does not tell it. */
  tenantOf({ tuple }: Image): string | null {
    return this.tenant?.text(tuple, this.#scratch) ?? null;
  }

  /** Whether an image tells all that names its owner. */
  isToldBy(image: Image): boolean {
    return [this.tenant, this.subject].every((column) => column?.tells(image) ?? true);
  }

  /** The owner of an image of which perhaps only the key was sent; null if it does not tell what names him. */
  told(image: Image): Owner | null {
    if (!this.isToldBy(image)) return null;
    try {
      return this.ownerOf(image);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // What cannot be read names nobody.
    }
    return null;
  }

  /** The row's subject; its tenant where it has none; null if it tells neither. */
  ownerOf(image: Image): Owner | null {
    const person = this.subject?.text(image.tuple, this.#scratch) ?? null;
    return ownerNamed(this.#contract, this.tenantOf(image), person);
  }
}
