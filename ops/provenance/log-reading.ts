import { Evidence, type Judged } from '../../processors/evidence.ts';
import { segmentName } from '../../schemas/stream-manifest.ts';
import type { Written } from './log-copy.ts';

/** What is at a place of the log, and what is wrong with it. */
export type Taken =
  | {
      readonly kind: 'entry';
      readonly index: number;
      readonly entry: Buffer;
      readonly judged: Judged;
      readonly faults: readonly TakenFault[];
    }
  | { readonly kind: 'missing'; readonly index: number; readonly what: string };

interface TakenFault {
  readonly segment: string | null;
  readonly what: string;
}

interface Claim {
  readonly entry: Buffer;
  readonly at: number; // How many were written before it.
}

type Claims = ReadonlyMap<number, readonly Claim[]>;

/**
 * Reads a log as its sequencers do: of several claims to its end the first that fits is the entry. Where
 * none fits, one that does not is taken for it, with its faults, so that what follows is looked at, too;
 * but beyond all that was signed in a checkpoint it is void. Of a sound log nothing is held.
 */
export class LogReading {
  readonly checkpoints: string[] = [];
  readonly #origin: string;
  readonly #evidence: Evidence;

  constructor(origin: string, evidence: Evidence) {
    this.#origin = origin;
    this.#evidence = evidence;
  }

  async *entries(written: AsyncIterable<Written>): AsyncIterable<Taken> {
    const evidence = this.#evidence;
    const left = new Map<number, Claim[]>(); // Those behind the last entry.
    let at = 0;
    for await (const each of written) {
      at++;
      if (each.kind === 'checkpoint') this.checkpoints.push(each.text);
      if (each.kind === 'checkpoint' || each.index < evidence.size) continue;
      const { index, entry } = each;
      const judged = index === evidence.size ? evidence.judge(entry) : null;
      if (judged?.faults.length === 0) {
        left.clear();
        evidence.accept(judged);
        yield { kind: 'entry', index, entry, judged, faults: [] };
        continue;
      }
      const rivals = left.get(index);
      if (rivals) rivals.push({ entry, at });
      else left.set(index, [{ entry, at }]);
    }
    if (left.size > 0) yield* unfitting(evidence, left, this.#signedUpTo(left));
  }

  /** The size of the newest signed checkpoint; no bound where there is none, for there is nothing sound then. */
  #signedUpTo(left: Claims): number {
    const ahead = Evidence.from(this.#evidence.state());
    for (const _ of unfitting(ahead, left, Infinity)) continue; // Keys may be announced there.
    const sizes = this.checkpoints.flatMap(
      (text) => ahead.readCheckpoint(this.#origin, text)?.size ?? [],
    );
    return sizes.length === 0 ? Infinity : sizes.reduce((most, size) => Math.max(most, size));
  }
}

function* unfitting(evidence: Evidence, left: Claims, bound: number): Iterable<Taken> {
  const names = namesIn(left);
  let place = evidence.size;
  let behind = -1;
  for (const [index, claims] of [...left].toSorted(([a], [b]) => a - b)) {
    const found = best(
      evidence,
      claims.filter(({ at }) => at > behind),
    );
    if (!found) continue;
    if (place < Math.min(index, bound)) yield missing(place, Math.min(index, bound));
    const { claim, judged } = found;
    if (index >= bound && (judged.faults.length > 0 || place < index)) return;
    evidence.accept(judged);
    const { entry, at } = claim;
    yield { kind: 'entry', index, entry, judged, faults: told(judged, names) };
    place = index + 1;
    behind = at;
  }
}

/** The first that fits, or the first. */
function best(evidence: Evidence, claims: readonly Claim[]) {
  const looked = claims.map((claim) => ({ claim, judged: evidence.judge(claim.entry) }));
  return looked.find(({ judged }) => judged.faults.length === 0) ?? looked[0];
}

function told({ said, faults }: Judged, names: () => ReadonlySet<string>): readonly TakenFault[] {
  const manifest = said?.kind === 'segment' ? said.manifest : null;
  return faults.map(({ what, segment }) => {
    const named = manifest && segmentName({ ...manifest, number: segment ?? manifest.number });
    const isLater = segment !== undefined && named !== null && names().has(named);
    return { segment: named, what: isLater ? `${what} here, and comes later: a reordering` : what };
  });
}

/** The names of all segments that have a manifest there, whoever signed it. */
function namesIn(left: Claims): () => ReadonlySet<string> {
  let names: ReadonlySet<string> | null = null;
  return () => (names ??= new Set([...left.values()].flat().flatMap(nameOf)));
}

function nameOf({ entry }: Claim): readonly string[] {
  const { said } = new Evidence([]).judge(entry);
  return said?.kind === 'segment' ? [segmentName(said.manifest)] : [];
}

const missing = (from: number, to: number): Taken => ({
  kind: 'missing',
  index: from,
  what:
    to === from + 1
      ? `entry ${from} of the log is missing`
      : `entries ${from} to ${to - 1} of the log are missing`,
});
