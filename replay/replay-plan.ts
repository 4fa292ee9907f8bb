import { createHash } from 'node:crypto';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Again, comingAgain, NotAgain } from './coming-again.ts';
import type { LetterBatches } from './letter-batch.ts';
import type { FoundLetter } from './letter-search.ts';
import { openLetter } from './open-letter.ts';
import type { Item } from './replay-jobs.ts';

/** What letters are opened and made to come again with. */
export interface Desk {
  readonly batches: LetterBatches;
  readonly keyring: Pick<Keyring, 'find' | 'refresh'>;
  readonly again: ReturnType<typeof comingAgain>;
}

/** Why a letter stays as it is. */
export type Left = NotAgain | 'gone' | 'destroyed' | 'unknown' | 'damaged' | 'waits';

/** What would become of letters, counted: of one pipeline, table and reason each. */
export interface PlannedKind {
  readonly pipeline: string;
  readonly table: string | null;
  readonly reason: string;
  letters: number;
  again: number;
  dropped: number; // By the transform.
  readonly left: Partial<Record<Left, number>>;
  readonly changed: Record<string, number>; // By column: in how many letters the transform changes it.
}

/** What a replay comes to. */
export interface ReplayPlan {
  readonly kinds: readonly PlannedKind[];
  readonly items: readonly Item[]; // In the order of their positions.
  readonly digest: string; // Of the ids, in their order.
}

const atOnce = 500;
const bytesAtOnce = 16 * 1024 * 1024;

/** Reads and opens letters, in few goes; hands each over with what comes again of it. */
export async function openAll<L extends FoundLetter>(
  { batches, keyring, again }: Desk,
  letters: readonly L[],
  visit: (letter: L, became: Again | Left) => void,
): Promise<void> {
  await keyring.refresh();
  const lying = new Map<string, Awaited<ReturnType<LetterBatches['read']>>>();
  for (const [topic, own] of Map.groupBy(letters, ({ topic: of }) => of))
    lying.set(topic, await batches.read(own));
  for (const letter of letters) {
    const found = lying.get(letter.topic)?.get(letter.id);
    if (!found) {
      visit(letter, 'gone');
      continue;
    }
    const opened = openLetter(keyring, found);
    visit(
      letter,
      opened.state === 'here' ? await again(letter, opened.payload, found.key) : opened.state,
    );
  }
}

/** As many letters as are opened at once: they are in memory together. */
export function* portions<L extends Pick<FoundLetter, 'bytes'>>(
  letters: readonly L[],
  most = atOnce,
): Iterable<readonly L[]> {
  let portion: L[] = [];
  let bytes = 0;
  for (const letter of letters) {
    if (portion.length > 0 && (portion.length >= most || bytes + letter.bytes > bytesAtOnce)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(letter);
    bytes += letter.bytes;
  }
  if (portion.length > 0) yield portion;
}

/** Looks at what would become of letters, and changes nothing. Those of a key come in the order of their positions. */
export async function planReplay(
  desk: Desk,
  letters: readonly FoundLetter[],
  waiting: ReadonlySet<FoundLetter>, // Held letters whose earlier ones are not among these.
): Promise<ReplayPlan> {
  const kinds = new Map<string, PlannedKind>();
  const places: (Item & { readonly place: string })[] = [];
  const inOrder = letters.toSorted(byPlace);
  for (const portion of portions(inOrder))
    await openAll(desk, portion, (letter, became) => {
      const kind = kindOf(kinds, letter);
      kind.letters++;
      if (waiting.has(letter)) return leave(kind, 'waits');
      if (typeof became === 'string') return leave(kind, became);
      if (became.value) kind.again++;
      else kind.dropped++;
      for (const column of became.changed) kind.changed[column] = (kind.changed[column] ?? 0) + 1;
      places.push({ topic: letter.topic, id: letter.id, place: became.place });
    });
  const items = places.toSorted(byPosition).map(({ topic, id }) => ({ topic, id }));
  return { kinds: [...kinds.values()], items, digest: digestOf(items) };
}

/** Of the letters that are brought again: their topics and ids, in their order. */
export const digestOf = (items: readonly Item[]): string =>
  createHash('sha256')
    .update(items.map(({ topic, id }) => `${topic}/${id}\n`).join(''))
    .digest('hex');

function kindOf(
  kinds: Map<string, PlannedKind>,
  { pipeline, table, reason }: FoundLetter,
): PlannedKind {
  const name = JSON.stringify([pipeline, table, reason]);
  const known = kinds.get(name);
  if (known) return known;
  const made = { pipeline, table, reason, letters: 0, again: 0, dropped: 0, left: {}, changed: {} };
  kinds.set(name, made);
  return made;
}

const leave = ({ left }: PlannedKind, why: Left): void => void (left[why] = (left[why] ?? 0) + 1);

/** As they lie, so that they are read in few goes. */
function byPlace(a: FoundLetter, b: FoundLetter): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition || (BigInt(a.offset) < BigInt(b.offset) ? -1 : 1);
}

type Placed = Item & { readonly place: string };

function byPosition(a: Placed, b: Placed): number {
  if (a.place !== b.place) return a.place < b.place ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
