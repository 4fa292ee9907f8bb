import type { Manifest } from '../schemas/stream-manifest.ts';
import { lsnOf } from './evidence.ts';
import type { Segment } from './segment-builder.ts';

/** A segment, and the stream that it is of. */
export interface StreamSegment {
  readonly stream: string;
  readonly database: string;
  readonly topic: string;
  readonly segment: Segment;
}

/** What is signed of a segment. `schemaOf` knows the fingerprint of a schema by its id in the registry. */
export function manifestOf(
  { stream, database, topic, segment }: StreamSegment,
  prevDigest: string | null,
  schemaOf: (id: number) => string,
): Manifest {
  const { number, from, to, watermark, sha256, count, resent, offsets, policies } = segment;
  return {
    stream,
    lsn: lsnOf(to),
    sha256,
    count,
    number,
    database,
    topic,
    lsnFrom: lsnOf(from),
    lsnTo: lsnOf(to),
    from,
    to,
    watermark,
    offsets: Object.fromEntries([...offsets].map(([lane, [first, next]]) => [lane, [first, next]])),
    resent,
    prevDigest,
    policyRevisions: [...policies],
    schemaDigests: segment.schemas.map(schemaOf),
  };
}
