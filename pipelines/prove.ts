import type { Observable } from 'rxjs';
import type { Registry } from '../contracts/registry.ts';
import { manifestOf, type StreamSegment } from '../processors/segment-manifest.ts';
import type { Said } from '../schemas/stream-manifest.ts';
import type { Evidence } from '../processors/evidence.ts';
import { into } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { pull, type Pulling } from './flow/stage.ts';
import type { EvidenceLog } from './prove/evidence-log.ts';

export interface ProveEnds {
  readonly segments: Source<StreamSegment>;
  readonly manifests: Sink<StreamSegment>;
}

/** `gov.*` → segments, in the order of positions → signed manifests in one log. Tells how many records were proved. */
export function prove({ segments, manifests }: ProveEnds, pulling: Pulling): Observable<number> {
  return pull(segments, pulling).pipe(
    into(manifests, { size: 64, lingerMs: 0, weigh: ({ segment }) => segment.count }, unexpected),
  );
}

/** Signs what is not signed yet of segments, and appends it to the log; then `proved` is told how many. */
export function manifestSink(
  log: Pick<EvidenceLog, 'append'>,
  registry: Registry,
  proved: (manifests: number) => Promise<void>,
): Sink<StreamSegment> {
  const fingerprints = new Map<number, string>();
  const schemaOf = (id: number): string => {
    const known = fingerprints.get(id) ?? registry.type(id)?.fingerprint('sha256').toString('hex');
    if (known === undefined) throw new Error(`schema ${id} was not learnt`);
    fingerprints.set(id, known);
    return known;
  };
  return {
    name: 'provenance',
    async write(batch) {
      await log.append((evidence) => dueOf(batch, evidence, schemaOf));
      await proved(batch.length);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Those that no manifest covers. */
function dueOf(
  batch: readonly StreamSegment[],
  { heads }: Evidence,
  schemaOf: (id: number) => string,
): readonly Said[] {
  return batch.flatMap((each): readonly Said[] => {
    const head = heads.get(each.stream);
    if (each.segment.number < (head?.number ?? 0)) return [];
    return [{ kind: 'segment', manifest: manifestOf(each, head?.digest ?? null, schemaOf) }];
  });
}

const unexpected = {
  next(): never {
    throw new TypeError('a manifest does not fit the log');
  },
};
