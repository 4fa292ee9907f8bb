import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TileFolder } from '../../pipelines/prove/tile-folder.ts';
import { nothingProved, type Segment, SegmentBuilder } from '../../processors/segment-builder.ts';
import { manifestOf } from '../../processors/segment-manifest.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { envelope } from '../../schemas/dsse.ts';
import { writeText } from '../../schemas/avro-writer.ts';
import { frontOf, type GovernedHead } from '../../schemas/governed-head.ts';
import { signedCheckpoint } from '../../schemas/log-checkpoint.ts';
import { type Position, positionText } from '../../schemas/position.ts';
import { type ProvedRecord, segmentStart, writeProved } from '../../schemas/segment-bytes.ts';
import type { SigningKey } from '../../schemas/signing-key.ts';
import { type Manifest, statementOf, statementType } from '../../schemas/stream-manifest.ts';
import { segmentFile } from '../provenance/log-copy.ts';
import { hash } from 'node:crypto';

interface Made {
  readonly origin: string;
  readonly key: SigningKey;
  readonly streams: readonly string[];
  readonly records: number; // Of each stream.
  readonly partitions: number;
  readonly valueBytes: number;
  /** After how many records the log's own time enters another interval; a segment ends there. */
  readonly every: number;
}

/** Makes an export as `conductor verify provenance --export` writes it, of records that nobody captured. */
export function makeExport(folder: string, made: Made): readonly Manifest[] {
  const { origin, key, streams } = made;
  const tiles = TileFolder.empty(folder);
  const manifests: Manifest[] = [];
  for (const stream of streams) {
    let prevDigest: string | null = null;
    for (const { segment, bytes } of segmentsOf(made)) {
      const topic = `gov.made.${stream}`;
      const manifest = manifestOf({ stream, database: 'made', topic, segment }, prevDigest, () =>
        hash('sha256', stream, 'hex'),
      );
      const entry = envelope(statementType, statementOf({ kind: 'segment', manifest }), key);
      prevDigest = hash('sha256', entry, 'hex');
      tiles.append(entry);
      manifests.push(manifest);
      const path = join(folder, segmentFile(manifest));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
    }
  }
  tiles.save();
  const { size, root } = tiles;
  writeFileSync(join(folder, 'checkpoint'), signedCheckpoint({ origin, size, root }, key));
  return manifests;
}

function* segmentsOf(
  made: Made,
): Iterable<{ readonly segment: Segment; readonly bytes: Uint8Array }> {
  const { records, partitions, every } = made;
  const starts = Array.from({ length: partitions }, (_, lane) => [lane, 0] as const);
  const builder = new SegmentBuilder(nothingProved(new Map(starts)), {
    everyMicros: every,
    headOf: madeHead,
  });
  const out = new Bytes(1024 * 1024);
  out.copy(segmentStart, 0, segmentStart.length);
  for (let n = 0; n < records; n++) {
    const position = { timeline: 1, lsn: BigInt(n + 1) * 64n, seq: 0, part: 0 };
    const record = recordOf(n, position, made);
    const segment = builder.add(record, positionText(position));
    if (segment) {
      yield { segment, bytes: out.view() };
      out.clear(segmentStart.length);
    }
    writeProved(record, out);
  }
  const segment = builder.end();
  if (segment) yield { segment, bytes: out.view() };
}

/** A record as govern writes them: its value has the front of all, and then what fills it. */
function recordOf(n: number, position: Position, { partitions, valueBytes }: Made): ProvedRecord {
  const value = new Bytes(256);
  value.copy(start, 0, start.length);
  for (const text of ['7391234567890123456', 'ig_slot']) writeText(text, value);
  value.zigzag(position.timeline);
  value.zigzagBig(position.lsn);
  for (const number of [0, 0, 0, n, n, n]) value.zigzag(number); // From `seq` to the watermark.
  const fill = Buffer.alloc(Math.max(0, valueBytes - value.at), n);
  value.copy(fill, 0, fill.length);
  return {
    partition: n % partitions,
    offset: BigInt(Math.floor(n / partitions)),
    key: Buffer.from(`[${n}]`),
    value: value.view(),
    headers: [],
  };
}

const start = Buffer.from([0, 0, 0, 0, 1]);

const madeHead = (value: Buffer): GovernedHead | null => {
  const front = frontOf(value);
  return front && { ...front, schema: 1, policy: 'made' };
};
