import { type Registry, UnknownSchema } from '../../contracts/registry.ts';
import { carriesChanges, tableOf } from '../../contracts/topics.ts';
import type { Opener } from '../../processors/unseal.ts';
import type { Change, Decoded, Governed, Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { decodeValues, type Secret } from '../../schemas/secret.ts';
import type { Row } from '../../schemas/value.ts';
import { decodeChange, decodeGoverned, schemaIdOf } from '../../schemas/wire.ts';

/** The change that a letter keeps: as the source has it, or as govern has published it. */
export type LetterChange = {
  readonly table: string;
  readonly op: Op;
  readonly before: Row | null;
  readonly after: Row | null;
} & (
  | { readonly form: 'source'; readonly secret: Secret } // Confidential columns are in the secret.
  | { readonly form: 'governed' }
);

/** Why nobody can say what a letter tells, column by column. */
export type Untold = 'no-change' | 'erased' | 'unsealable';

/** Reads what a letter held sealed. */
export async function letterChange(
  payload: Buffer,
  registry: Pick<Registry, 'learn' | 'type'>,
  open: Opener,
): Promise<LetterChange | Untold> {
  try {
    const kept = decodeValues(payload.toString()) as Kept | null;
    if (typeof kept !== 'object' || !kept) return 'no-change';
    const change = 'value' in kept ? await changeIn(kept, registry) : kept;
    return change ? told(change, open) : 'no-change';
  } catch (error) {
    if ([Refusal, SyntaxError, UnknownSchema].some((kind) => error instanceof kind))
      return 'no-change';
    throw error;
  }
}

type Kept = KeptRecord | Decoded | Change | Governed;

/** A record as its letter keeps it. */
interface KeptRecord {
  readonly topic: string;
  readonly partition: number;
  readonly value: string | null; // In base64.
}

async function changeIn(
  { topic, partition, value: text }: KeptRecord,
  registry: Pick<Registry, 'learn' | 'type'>,
): Promise<Change | Governed | null> {
  const value = text === null ? null : Buffer.from(text, 'base64');
  const id = value && schemaIdOf(value);
  if (!value || id === null || !carriesChanges(topic)) return null;
  await registry.learn([id]);
  const type = registry.type(id);
  const where = { table: tableOf(topic), lane: partition };
  if (!type) return null;
  return topic.startsWith('gov.')
    ? decodeGoverned(type, value, where)
    : decodeChange(type, value, where);
}

function told(change: Decoded | Change | Governed, open: Opener): LetterChange | Untold {
  const { table, op, before, after } = change;
  const told = { table, op, before, after };
  if ('policy' in change) return { form: 'governed', ...told };
  if (!('sealed' in change)) return { form: 'source', ...told, secret: { before, after } };
  try {
    const secret = open(change);
    return secret ? { form: 'source', ...told, secret } : 'erased';
  } catch (error) {
    if (error instanceof Refusal) return 'unsealable';
    throw error;
  }
}
