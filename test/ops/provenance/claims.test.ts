import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verify } from '../../../ops/provenance/verify.ts';
import { announced } from '../../../pipelines/prove/evidence-log.ts';
import { Evidence } from '../../../processors/evidence.ts';
import {
  checkpointOf,
  logInMemory,
  otherKey,
  ownKey,
  segmentEntry,
  thirdKey,
  wanted,
  written,
} from './log-in-memory.ts';

type Claim = readonly [index: number, entry: Buffer];

const start = written(announced(ownKey, 'the first'));

// A worker that is late (b) has two of X and one more behind; another (a) has X and Y with other bounds.
const bX0 = segmentEntry({ stream: 'pg.x', number: 0, from: 0, to: 2 });
const aX0 = segmentEntry({ stream: 'pg.x', number: 0, from: 0, to: 1 });
const aX1 = segmentEntry({ stream: 'pg.x', number: 1, from: 1, to: 3, after: aX0 });
const aY0 = segmentEntry({ stream: 'pg.y', number: 0, from: 0, to: 1 });
const bX1 = segmentEntry({ stream: 'pg.x', number: 1, from: 2, to: 3, after: bX0 });
const bX2 = segmentEntry({ stream: 'pg.x', number: 2, from: 3, to: 4, after: bX1 });

/** What the log has of a topic, by its own rule. */
function logOf(claims: readonly Claim[]): readonly Buffer[] {
  const evidence = new Evidence('first');
  return claims.flatMap(([index, entry]) => {
    const judged = index === evidence.size ? evidence.judge(entry) : null;
    if (judged?.faults.length !== 0) return [];
    evidence.accept(judged);
    return [entry];
  });
}

const claims: readonly Claim[] = [
  [0, start],
  [1, bX0],
  [1, aX0],
  [2, aX1],
  [3, aY0],
  [2, bX1],
  [3, bX2],
];

test('a claim that fits and stands before the entry it would follow is void, as it is for the log', async () => {
  expect(logOf(claims)).toEqual([start, bX0, bX1, bX2]);
  const checkpoint = checkpointOf(logOf(claims));
  expect(await verify(logInMemory(claims, [checkpoint]), wanted)).toMatchObject({
    entries: 4,
    faults: [],
    streams: [{ stream: 'pg.x', segments: 3 }],
  });
});

test('whatever workers claim, in whatever order: what the log has is verified, and has no fault', async () => {
  const tail = claims.slice(1);
  const anyClaim = fc.oneof(
    fc.constantFrom(...tail),
    fc.tuple(fc.nat(6), fc.constantFrom(...tail.map(([, entry]) => entry))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyClaim, { maxLength: 20 }), fc.nat(), async (some, part) => {
      const topic = [[0, start] as const, ...some];
      const log = logOf(topic);
      const signed = log.slice(0, 1 + (part % log.length));
      const found = await verify(logInMemory(topic, [checkpointOf(signed)]), wanted);
      expect(found).toMatchObject({ entries: log.length, faults: [] });
    }),
    { numRuns: 200 },
  );
});

const fake = (said: object, signatures: readonly object[] = []): Buffer =>
  Buffer.from(
    JSON.stringify({
      payload: Buffer.from(JSON.stringify(said)).toString('base64'),
      payloadType: 'application/vnd.in-toto+json',
      signatures,
    }),
  );

/** A notice that nobody has signed, of a key of three bytes. */
const keyId = 'aa'.repeat(32);
const short = fake({
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: `key/${keyId}`, digest: { sha256: keyId } }],
  predicateType: 'https://intelgraph.dev/conductor/signing-key/v1',
  predicate: { action: 'announce', keyId, publicKey: 'AAAA', reason: 'none' },
});

test('what nobody trusted has signed is void behind the newest checkpoint, and a fault before it', async () => {
  const byOther = [
    written(announced(otherKey, 'me'), otherKey),
    written(announced(thirdKey, 'me'), otherKey),
  ];
  for (const junk of [[short], byOther]) {
    const topic: Claim[] = [[0, start], ...junk.map((entry, at): Claim => [at + 1, entry])];
    const behind = await verify(logInMemory(topic, [checkpointOf([start])]), wanted);
    expect(behind).toMatchObject({ verified: true, entries: 1 });
    const whole = checkpointOf(topic.map(([, entry]) => entry));
    const before = await verify(logInMemory(topic, [whole]), wanted);
    expect(before.faults.map(({ index }) => index)).toEqual(junk.map((_, at) => at + 1));
  }
});

test('an entry that was changed in the topic is a fault, and what follows it is looked at', async () => {
  const rotated = written(announced(otherKey, 'rotation'));
  const last = segmentEntry({ stream: 'pg.x', number: 1, from: 2, to: 3, after: bX0 }, otherKey);
  const log = [start, bX0, rotated, last];
  const changed = Buffer.from(bX0);
  changed[20]! ^= 1;
  const topic = log.map((entry, at): Claim => [at, entry === bX0 ? changed : entry]);
  // Only the key that is announced behind it has signed that far.
  const signed = [checkpointOf([start]), checkpointOf(log, otherKey)];
  const { faults, entries } = await verify(logInMemory(topic, signed), wanted);
  expect(entries).toBe(4);
  expect(faults.map(({ index }) => index)).toEqual([1, 3, null]);
});

test('entries that are not in the topic are told, whatever far-off places are claimed', async () => {
  const log = [start, bX0, bX1, bX2];
  const topic: Claim[] = [
    [0, start],
    [3, bX2],
    [900_000_000_000_000, aY0],
  ];
  const { faults } = await verify(logInMemory(topic, [checkpointOf(log)]), wanted);
  expect(faults.map(({ what }) => what)).toEqual([
    'entries 1 to 2 of the log are missing',
    'the manifests of segments 0 to 1 are missing',
    'the log has 2 of the 4 entries that its checkpoint speaks of: manifests were removed',
  ]);
});

test('of a log that is sound nothing is held: records are looked at when their manifest was read', async () => {
  const topic: Claim[] = [start, bX0, bX1, bX2].map((entry, at) => [at, entry]);
  const copy = logInMemory(topic, [checkpointOf(topic.map(([, entry]) => entry))]);
  const order: string[] = [];
  await verify(
    {
      ...copy,
      written: (async function* () {
        for await (const each of copy.written) {
          order.push(each.kind === 'claim' ? `entry ${each.index}` : each.kind);
          yield each;
        }
      })(),
      async segment({ number }) {
        order.push(`records of ${number}`);
        return 'gone';
      },
    },
    wanted,
  );
  expect(order).toEqual([
    'entry 0',
    'entry 1',
    'records of 0',
    'entry 2',
    'records of 1',
    'entry 3',
    'records of 2',
    'checkpoint',
  ]);
});
