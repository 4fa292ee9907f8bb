import { CannotRun } from '../contracts/cannot-run.ts';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Registry } from '../contracts/registry.ts';
import type { KafkaOptions } from '../pipelines/topic/kafka.ts';
import { LaneRecords } from '../pipelines/topic/lane-records.ts';
import type { WrittenLetter } from '../schemas/dead-letter.ts';
import { keyRefOf, open } from '../schemas/sealed-box.ts';
import { pieceReader } from './letter-records.ts';
import type { IndexedLetter } from './letter-tables.ts';

/** A letter as it was written, all its pieces in one. */
export type SealedLetter = Pick<WrittenLetter, 'message' | 'sealed' | 'seals'>;

/** Reads a letter from where it lies; null if it is not there any more. */
export async function readLetter(
  { kafka, registry }: { readonly kafka: KafkaOptions; readonly registry: Registry },
  { id, topic, partition, offset }: Pick<IndexedLetter, 'id' | 'topic' | 'partition' | 'offset'>,
): Promise<SealedLetter | null> {
  await using lanes = new LaneRecords(kafka, topic);
  const from = BigInt(offset);
  const start = (await lanes.bounds('start'))[partition] ?? 0n;
  const end = (await lanes.bounds('end'))[partition] ?? 0n;
  if (from < start) return null;
  const read = pieceReader(registry);
  const boxes: Buffer[] = [];
  let isReadable = true;
  for await (const batch of lanes.read(partition, from, end)) {
    for (const piece of await read(batch)) {
      if (piece === 'unknown') isReadable = false;
      if (typeof piece === 'string' || piece.id !== id) continue;
      const { chunk, chunks, sealed, message, seals } = piece;
      if (chunk !== boxes.length) continue;
      boxes.push(sealed);
      if (boxes.length === chunks) return { message, seals, sealed: Buffer.concat(boxes) };
    }
  }
  if (isReadable) return null;
  throw new CannotRun({
    what: `letter ${id} is of a schema that the registry does not have`,
    where: `${topic}, partition ${partition}, offset ${offset}`,
    fix: 'point registry.url to the registry that it was written with, or restore it there',
  });
}

/** What a letter holds, or why nobody can say. */
export type OpenedLetter =
  | { readonly state: 'here'; readonly payload: Buffer }
  | { readonly state: 'destroyed' | 'unknown' | 'damaged' };

/** Opens the boxes of a letter, the outermost first. */
export function openLetter(
  keyring: Pick<Keyring, 'find'>,
  { sealed, seals }: Pick<SealedLetter, 'sealed' | 'seals'>,
): OpenedLetter {
  let text = sealed;
  for (let seal = 0; seal < seals; seal++) {
    const ref = keyRefOf(text);
    if (!ref) return { state: 'damaged' };
    const found = keyring.find(ref);
    if (found.state !== 'here') return { state: found.state };
    try {
      text = open(found.key, text);
    } catch {
      return { state: 'damaged' }; // The cause could quote it.
    }
  }
  return { state: 'here', payload: text };
}
