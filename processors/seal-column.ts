import type { Keyring, Owner } from '../contracts/keys/keyring.ts';
import type { PlannedContract } from '../contracts/policy/plan.ts';
import type { Change } from '../schemas/change.ts';
import { changeId } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import { keyRefOf, open, seal } from '../schemas/sealed-box.ts';
import { decodeValues, encodeValues, type Secret } from '../schemas/secret.ts';
import { unchanged, type Value } from '../schemas/value.ts';

/** Seals a value of a column; null where its subject was erased, so that nobody could open it. */
export type SealColumn = (column: string, value: Exclude<Value, null>) => string | null;

/** One image of a change, for whoever seals columns of it. */
export interface Sealing {
  readonly plan: PlannedContract;
  readonly change: string; // Its id.
  readonly image: 'before' | 'after';
  readonly textOf: (column: string) => string | null; // What the image tells of a column.
}

/** Makes a sealer for one image of a change, under the key of whom that image is about. */
export type ColumnSealer = (of: Sealing) => SealColumn;

/**
 * Seals columns for the governed row, one box each, as text. A nonce comes from the change, the policy and
 * contract revision, the image and the column: sealed again, a change gives the same bytes.
 */
export function columnSealer(keyring: Pick<Keyring, 'keyOf'>): ColumnSealer {
  return ({ plan, change, image, textOf }) => {
    const owner = ownerOf(plan, textOf);
    const owned = owner && keyring.keyOf(owner);
    return (column, value) => {
      if (!owned)
        throw new Refusal(
          'no-subject',
          `table ${plan.table}, column ${column}: a row tells neither its subject nor its tenant, so there is no key to seal it with`,
        );
      if (owned === 'destroyed') return null;
      const revision = JSON.stringify([plan.policy, image, column]);
      return seal(owned, { change, revision }, encodeValues({ value })).toString('base64');
    };
  };
}

/** What stands where no column is sealed. */
export const unsealed: SealColumn = (name) => {
  throw new Refusal('unsealable', `column ${name} is to be sealed, and nothing here seals columns`);
};

/** Seals nothing, and refuses to. */
export const sealless: ColumnSealer = () => unsealed;

/** An image of a change that is an object. */
export function sealingOf(
  plan: PlannedContract,
  change: Change,
  secret: Secret,
  image: 'before' | 'after',
): Sealing {
  return {
    plan,
    image,
    change: changeId(change.system, change.log, change.position),
    textOf: (column) => {
      const value = secret[image]?.[column] ?? change[image]?.[column] ?? null;
      return value === null || value === unchanged ? null : `${value}`;
    },
  };
}

/** The value of such a box, for who holds the keyring; null if its subject was erased. Throws if it is no box. */
export function openColumn(keyring: Pick<Keyring, 'find'>, text: string): Value {
  const box = Buffer.from(text, 'base64');
  const ref = keyRefOf(box);
  const found = ref && keyring.find(ref);
  if (found?.state === 'destroyed') return null;
  if (found?.state !== 'here')
    throw new Refusal('unsealable', 'the keyring has no key for a sealed column');
  return (decodeValues(open(found.key, box).toString()) as { readonly value: Value }).value;
}

/** As capture finds the owner of a row: its subject, else its tenant. */
function ownerOf({ tenant, subject }: PlannedContract, textOf: Sealing['textOf']): Owner | null {
  const whose = tenant === null ? null : textOf(tenant);
  const person = subject && textOf(subject.column);
  if (subject && person !== null) return { tenant: whose, domain: subject.domain, subject: person };
  return whose === null ? null : { tenant: whose, domain: tenant ?? '', subject: null };
}
