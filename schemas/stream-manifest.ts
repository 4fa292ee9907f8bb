import { z } from 'zod';
import { lettersForm, type LettersNotice, lettersPredicate } from './letters-notice.ts';

/** What an envelope of ours carries: an in-toto statement. */
export const statementType = 'application/vnd.in-toto+json';

const statement = 'https://in-toto.io/Statement/v1';
const segmentPredicate = 'https://intelgraph.dev/conductor/stream-segment/v1';
const keyPredicate = 'https://intelgraph.dev/conductor/signing-key/v1';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const offset = z.int().min(0);
const place = z.string().regex(/^[0-9a-f]{8}\/[0-9a-f]{16}\/[0-9a-f]{8}\/[0-9a-f]{8}$/);

const manifestForm = z.strictObject({
  stream: z.string().min(1),
  lsn: z.string(), // The end: as the seeds have it. The same as `lsnTo`.
  sha256: digest,
  count: z.int().min(1),
  number: z.int().min(0), // Of the segment in its stream.
  database: z.string(),
  topic: z.string(),
  lsnFrom: z.string(), // Where the segment before ended.
  lsnTo: z.string(),
  from: place, // The same places whole: timeline, LSN, seq and part.
  to: place,
  watermark: z.int(), // The log's own time at the end, in microseconds since 1970.
  offsets: z.record(z.string().regex(/^\d+$/), z.tuple([offset, offset])), // By partition: from, and up to.
  resent: z.int().min(0), // Records among them that come a second time, as they may after a crash.
  prevDigest: digest.nullable(), // Of the envelope of the manifest before.
  policyRevisions: z.array(z.string()),
  schemaDigests: z.array(digest),
});

const noticeForm = z.strictObject({
  action: z.enum(['announce', 'revoke']),
  keyId: digest,
  publicKey: z.base64(), // 32 bytes of Ed25519.
  reason: z.string(),
});

const subject = z.array(
  z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: digest }) }),
);

const form = z.discriminatedUnion('predicateType', [
  z.strictObject({
    _type: z.literal(statement),
    subject,
    predicateType: z.literal(segmentPredicate),
    predicate: manifestForm,
  }),
  z.strictObject({
    _type: z.literal(statement),
    subject,
    predicateType: z.literal(keyPredicate),
    predicate: noticeForm,
  }),
  z.strictObject({
    _type: z.literal(statement),
    subject,
    predicateType: z.literal(lettersPredicate),
    predicate: lettersForm,
  }),
]);

/** What is said of a segment of a stream. */
export type Manifest = z.output<typeof manifestForm>;

/** A key is taken up, or is not to be trusted from here on. */
export type KeyNotice = z.output<typeof noticeForm>;

/** What an entry of the log says. */
export type Said =
  | { readonly kind: 'segment'; readonly manifest: Manifest }
  | { readonly kind: 'key'; readonly notice: KeyNotice }
  | { readonly kind: 'letters'; readonly notice: LettersNotice };

/** The statement as bytes: the same for the same said thing. */
export function statementOf(said: Said): Buffer {
  const [predicateType, predicate, name, sha256] = partsOf(said);
  return Buffer.from(
    JSON.stringify({
      _type: statement,
      subject: [{ name, digest: { sha256 } }],
      predicateType,
      predicate,
    }),
  );
}

function partsOf(said: Said) {
  switch (said.kind) {
    case 'segment': {
      const { manifest } = said;
      return [segmentPredicate, manifest, segmentName(manifest), manifest.sha256] as const;
    }
    case 'key':
      return [keyPredicate, said.notice, `key/${said.notice.keyId}`, said.notice.keyId] as const;
    case 'letters':
      return [
        lettersPredicate,
        said.notice,
        `letters/${said.notice.job}`,
        said.notice.letters,
      ] as const;
  }
}

/** Reads a statement; null if it is none of ours, or its subject is not what it speaks of. */
export function parseStatement(body: Buffer): Said | null {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return null;
  }
  const read = form.safeParse(value);
  if (!read.success) return null;
  const { data } = read;
  const [only, ...others] = data.subject;
  const said = saidBy(data);
  const [, , , sha256] = partsOf(said);
  return only?.digest.sha256 === sha256 && others.length === 0 ? said : null;
}

function saidBy(data: z.output<typeof form>): Said {
  switch (data.predicateType) {
    case segmentPredicate:
      return { kind: 'segment', manifest: data.predicate };
    case keyPredicate:
      return { kind: 'key', notice: data.predicate };
    case lettersPredicate:
      return { kind: 'letters', notice: data.predicate };
  }
}

/** How a segment is called: its stream and its number. */
export const segmentName = ({ stream, number }: Pick<Manifest, 'stream' | 'number'>): string =>
  `${stream}/${String(number).padStart(6, '0')}`;

/** The stream of a table, as it is called in manifests: `pg.orders`, and `pg.sales.orders` outside of schema public. */
export const streamOf = (prefix: string, table: string): string =>
  `${prefix}.${table.replace(/^public\./, '')}`;
