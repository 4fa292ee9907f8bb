import { createHash } from 'node:crypto';
import { envelope } from '../schemas/dsse.ts';
import { statementType } from '../schemas/stream-manifest.ts';
import type { SigningKey } from '../schemas/signing-key.ts';
import type { Replayed } from './range-replay.ts';
import type { Asked, Replay } from './range-replays.ts';

/** What a replay of a range says that it did. */
export interface RangeManifest
  extends Asked, Pick<Replayed, 'written' | 'refused' | 'merged' | 'kept'> {
  readonly id: number;
  readonly topic: string;
  readonly offsets: Readonly<Record<string, string>>; // By partition: up to where it was read.
  readonly since: string | null; // Older records were left out: a copy contains them.
  readonly startedAt: string;
  readonly endedAt: string;
}

const predicateType = 'https://intelgraph.dev/conductor/range-replay/v1';

export function rangeManifest(
  asked: Asked,
  replay: Replay,
  { lanes, ...replayed }: Replayed,
  more: Pick<RangeManifest, 'topic' | 'since'>,
): RangeManifest {
  return {
    ...asked,
    ...more,
    ...replayed,
    id: replay.id,
    offsets: Object.fromEntries(lanes.map(({ partition, next }) => [partition, `${next}`])),
    startedAt: replay.startedAt.toISOString(),
    endedAt: new Date().toISOString(),
  };
}

/** The manifest as an in-toto statement in an envelope that the log's key has signed; as it is where there is no such key. */
export function signedManifest(manifest: RangeManifest, key: SigningKey | null): string {
  const sha256 = createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
  const statement = JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: `replay/${manifest.id}`, digest: { sha256 } }],
    predicateType,
    predicate: manifest,
  });
  return key ? envelope(statementType, Buffer.from(statement), key).toString() : statement;
}
