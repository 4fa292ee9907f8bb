import { isConfidential, type TableContract } from '../contracts/contract.ts';
import type { Keyring } from '../contracts/keys/keyring.ts';
import { type Registry, UnknownSchema } from '../contracts/registry.ts';
import { changeShape } from '../contracts/shapes.ts';
import {
  carriesChanges,
  changesTopic,
  governedTopic,
  retryTopic,
  rowLimitBytes,
  tableOf,
} from '../contracts/topics.ts';
import { relogged, replayLog } from '../processors/replay-log.ts';
import { sealing } from '../processors/seal-change.ts';
import { tokeniser } from '../processors/tokens.ts';
import { changeSchema } from '../schemas/avro.ts';
import type { Change, Decoded, Governed } from '../schemas/change.ts';
import { positionText } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import { decodeValues } from '../schemas/secret.ts';
import { keyText, type Row } from '../schemas/value.ts';
import { decodeChange, decodeGoverned, encodeChange, schemaIdOf } from '../schemas/wire.ts';
import { governedValue } from './governed-value.ts';
import type { IndexedLetter } from './letter-tables.ts';
import type { Transform } from './transform.ts';
import { type KeptRecord, usageAgain } from './usage-again.ts';

/** A change of a letter as its pipeline is given it again. */
export interface Again {
  readonly retry: string; // The topic.
  readonly topic: string; // That in which it is as if it came.
  readonly table: string;
  readonly lane: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null; // Null if a transform has dropped it.
  readonly place: string; // Its position.
  readonly changed: readonly string[]; // Columns that the transform has changed.
  readonly offset: bigint | null; // At which it was refused, of what was governed.
}

/** Why nothing can come again of a letter as it is. */
export type NotAgain =
  | 'elsewhere' // It is of a table that is not under contract here.
  | 'no-change' // It holds nothing that could be read as a change.
  | 'erased' // Whom it tells of was erased.
  | 'refused' // It would be refused before it was sent: it still does not tell its key or its owner, or is too large.
  | 'governed'; // A transform has changed what policy has made.

/** What changes are made to come again with. */
export interface Mending {
  readonly database: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly partitions: number;
  readonly registry: Registry;
  readonly keyring: Keyring;
  readonly transform: Transform | null;
  readonly job: string;
  readonly usage: string | null; // The topic of usage that is metered here.
}

type Letter = Pick<IndexedLetter, 'id' | 'pipeline' | 'reason'>;

/** Makes of what letters held sealed what their pipelines are given again. */
export function comingAgain(mending: Mending) {
  const { keyring, contracts, partitions } = mending;
  let erased = false;
  const seal = sealing(contracts, keyring, tokeniser(keyring), partitions, () => (erased = true));

  return async (letter: Letter, payload: Buffer, key: Buffer | null): Promise<Again | NotAgain> => {
    try {
      const kept = decodeValues(payload.toString()) as Kept | null;
      if (typeof kept !== 'object' || !kept) return 'no-change';
      if (letter.pipeline === 'capture') {
        if (!('position' in kept) || 'policy' in kept) return 'no-change';
        return await captured(mending, letter, kept as Decoded, (change) => {
          erased = false;
          const [sealed] = seal(change);
          return erased ? 'erased' : (sealed ?? 'erased');
        });
      }
      if (letter.pipeline === 'meter' && 'value' in kept) return usageAgain(mending, kept, key);
      if ('value' in kept) return await recorded(mending, letter, kept, key);
      return 'policy' in kept ? await governed(mending, letter, kept) : 'no-change';
    } catch (error) {
      if (error instanceof Refusal) return error.reason === 'undecodable' ? 'no-change' : 'refused';
      if ([SyntaxError, UnknownSchema].some((kind) => error instanceof kind)) return 'no-change';
      throw error;
    }
  };
}

type Kept = KeptRecord | Decoded | KeptGoverned;

/** A governed change as its letter keeps it. */
type KeptGoverned = Governed & { readonly offset: bigint };

/** A change that capture refused goes the way of changes from here on: sealed, it is read by govern. */
async function captured(
  mending: Mending,
  letter: Letter,
  decoded: Decoded,
  seal: (change: Decoded) => Change | 'erased',
): Promise<Again | NotAgain> {
  const { contracts, job } = mending;
  const { table, log } = decoded;
  const contract = contracts.get(table);
  if (!contract) return 'elsewhere';
  const names = new Set(contract.columns.filter(isConfidential).map(({ name }) => name));
  const isOpen = (column: string) =>
    !names.has(column) && contract.columns.some(({ name }) => name === column);
  const mended = transformed(mending, letter, decoded, isOpen);
  if (!mended) return dropped(mending, letter, decoded);
  const sealed = seal({
    ...mended.change,
    key: keyIn(contract, mended.change),
    log: replayLog(job, log),
  });
  if (sealed === 'erased') return sealed;
  return await changeAgain(mending, sealed, mended.changed);
}

/** A record that its pipeline refused as it came comes as it was, in another log. */
async function recorded(
  mending: Mending,
  letter: Letter,
  { topic, partition, offset, value: text }: KeptRecord,
  key: Buffer | null,
): Promise<Again | NotAgain> {
  const { contracts, registry, database, transform, job } = mending;
  const topicOf = letter.pipeline === 'govern' ? changesTopic : governedTopic;
  const table = carriesChanges(topic) ? tableOf(topic) : '';
  if (!contracts.has(table) || topicOf(database, table) !== topic) return 'elsewhere';
  const value = text === null ? null : Buffer.from(text, 'base64');
  const id = value && schemaIdOf(value);
  if (!value || id === null) return 'no-change';
  await registry.learn([id]);
  const type = registry.type(id);
  if (!type) return 'no-change';
  const where = { table, lane: partition };
  if (letter.pipeline !== 'govern')
    return await governed(mending, letter, {
      ...decodeGoverned(type, value, where),
      offset: BigInt(offset),
    });
  const change = decodeChange(type, value, where);
  if (transform) {
    const mended = transformed(mending, letter, change, () => true);
    if (!mended) return dropped(mending, letter, change);
    const again = { ...mended.change, log: replayLog(job, change.log) };
    return await changeAgain(mending, again, mended.changed);
  }
  return {
    retry: retryTopic('govern'),
    topic,
    table,
    lane: partition,
    key,
    value: relogged(value, (log) => replayLog(job, log)),
    place: positionText(change.position),
    changed: [],
    offset: null,
  };
}

async function changeAgain(
  { registry, contracts, database }: Mending,
  change: Change,
  changed: readonly string[],
): Promise<Again | NotAgain> {
  const contract = contracts.get(change.table);
  if (!contract) return 'elsewhere';
  const topic = changesTopic(database, change.table);
  const shape = changeShape(contract);
  // A subject for each promise: what the topic had before forbids nothing here.
  const subject = `retry.${topic}.${contract.revision.slice(0, 12)}`;
  const schema = await registry.register(subject, changeSchema(shape));
  let value: Buffer;
  try {
    value = encodeChange(schema, shape, change);
  } catch {
    return 'refused'; // A value is not what its column holds; the cause could quote it.
  }
  if (value.length > rowLimitBytes - slackBytes) return 'refused';
  const key = change.key && Buffer.from(keyText(change.key));
  const { lane, table } = change;
  return {
    retry: retryTopic('govern'),
    topic,
    table,
    lane,
    key,
    value,
    place: positionText(change.position),
    changed,
    offset: null,
  };
}

const slackBytes = 4_096; // What Kafka adds to a record, and its key.

/** What was governed stays as it is but for columns that policy keeps as they are. */
async function governed(
  mending: Mending,
  letter: Letter,
  change: KeptGoverned,
): Promise<Again | NotAgain> {
  const { contracts, database, job } = mending;
  const contract = contracts.get(change.table);
  if (!contract) return 'elsewhere';
  const kept = new Set(
    contract.columns.filter(({ rule }) => rule === 'keep').map(({ name }) => name),
  );
  const mended = transformed(mending, letter, change, () => true);
  if (!mended) return dropped(mending, letter, change);
  if (mended.changed.some((column) => !kept.has(column))) return 'governed';
  const { table, lane, key, position } = change;
  // In another log, so that it is a new letter if it is refused again.
  const again = { ...mended.change, log: replayLog(job, change.log) };
  const value = await governedValue(mending, contract, again);
  if (!value || value.length > rowLimitBytes - slackBytes) return 'refused';
  return {
    retry: retryTopic(letter.pipeline),
    topic: governedTopic(database, table),
    table,
    lane,
    key: key && Buffer.from(keyText(key)),
    value,
    place: positionText(position),
    changed: mended.changed,
    offset: change.offset,
  };
}

/** What a transform makes of a change, of which it sees the open columns; null if it drops it. */
function transformed<C extends Decoded | Change | Governed>(
  { transform }: Mending,
  { id, pipeline, reason }: Letter,
  change: C,
  isOpen: (column: string) => boolean,
): { readonly change: C; readonly changed: readonly string[] } | null {
  if (!transform) return { change, changed: [] };
  const { table, op, key, before, after } = change;
  const seen = { before: openPart(before, isOpen), after: openPart(after, isOpen) };
  const openKey = key && Object.fromEntries(Object.entries(key).filter(([name]) => isOpen(name)));
  const made = transform.apply({ pipeline, reason, table, op, key: openKey, ...seen }, id);
  if (!made) return null;
  const changed = (['before', 'after'] as const).flatMap((which) =>
    differing(seen[which], made[which]),
  );
  const whole = (row: Row | null, mended: Row | null) =>
    row && { ...openPart(row, (column) => !isOpen(column)), ...mended };
  return {
    change: { ...change, before: whole(before, made.before), after: whole(after, made.after) },
    changed: [...new Set(changed)],
  };
}

const openPart = (row: Row | null, isOpen: (column: string) => boolean): Row | null =>
  row && Object.fromEntries(Object.entries(row).filter(([column]) => isOpen(column)));

function differing(was: Row | null, is: Row | null): readonly string[] {
  const columns = new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})]);
  return [...columns].filter((column) => !Object.is(was?.[column], is?.[column]));
}

/** A contract may name a key by now that it did not name when the letter was written. */
function keyIn({ key }: TableContract, { after, before, key: known }: Decoded): Decoded['key'] {
  const row = after ?? before;
  if (!row || key.length === 0) return known;
  const found = key.map((name) => [name, row[name]] as const);
  const isTold = found.every(
    ([, value]) => value !== undefined && value !== null && typeof value !== 'symbol',
  );
  return isTold ? (Object.fromEntries(found) as Decoded['key']) : known;
}

/** Nothing of it comes again; whoever holds its key is told. */
function dropped(
  { database }: Mending,
  { pipeline }: Letter,
  { table, lane, key, position }: Decoded | Change | Governed,
): Again {
  const isDelivered = pipeline.startsWith('deliver-');
  return {
    retry: retryTopic(isDelivered ? pipeline : 'govern'),
    topic: isDelivered ? governedTopic(database, table) : changesTopic(database, table),
    table,
    lane,
    key: pipeline === 'capture' || !key ? null : Buffer.from(keyText(key)),
    value: null,
    place: positionText(position),
    changed: [],
    offset: null,
  };
}
