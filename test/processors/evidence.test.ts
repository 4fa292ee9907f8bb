import { expect, test } from 'vitest';
import { Evidence } from '../../processors/evidence.ts';
import { nothingProved, type Proved, type Segment } from '../../processors/segment-builder.ts';
import { manifestOf } from '../../processors/segment-manifest.ts';
import { envelope } from '../../schemas/dsse.ts';
import { type SigningKey, signingKey } from '../../schemas/signing-key.ts';
import {
  type Manifest,
  type Said,
  statementOf,
  statementType,
} from '../../schemas/stream-manifest.ts';
import { placeAt } from './proved-records.ts';

const [first, second, third] = ['11', '22', '33'].map((byte) => signingKey(byte.repeat(32)));

const written = (said: Said, key: SigningKey) => envelope(statementType, statementOf(said), key);
const notice = (action: 'announce' | 'revoke', key: SigningKey): Said => ({
  kind: 'key',
  notice: { action, keyId: key.id, publicKey: key.bytes.toString('base64'), reason: 'a test' },
});

const start = nothingProved(new Map([[0, 0]]));

/** The manifest that goes on where the stream is proved, or what was made of it. */
function manifest(evidence: Evidence, change: Partial<Manifest> = {}): Said {
  const head = evidence.heads.get('pg.orders');
  const proved: Proved = head ?? start;
  const from = proved.offsets.get(0) ?? 0;
  const segment: Segment = {
    number: proved.number,
    from: proved.position,
    to: placeAt((proved.number + 1) * 10),
    watermark: (proved.number + 1) * 100,
    sha256: String(proved.number).padStart(64, '0'),
    count: 5,
    resent: 0,
    offsets: new Map([[0, [from, from + 5]]]),
    policies: ['v1'],
    schemas: [7],
  };
  const stream = { stream: 'pg.orders', database: 'shop', topic: 'gov.shop.public.orders' };
  const made = manifestOf({ ...stream, segment }, head?.digest ?? null, () => 'ab'.repeat(32));
  return { kind: 'segment', manifest: { ...made, ...change } };
}

function judge(evidence: Evidence, said: Said, key = first!) {
  const judged = evidence.judge(written(said, key));
  return { ...judged, what: judged.faults.map(({ what }) => what).join('; ') };
}

const take = (evidence: Evidence, said: Said, key = first!) => {
  const judged = judge(evidence, said, key);
  evidence.accept(judged);
  return judged.what;
};

test('golden bytes of a manifest', () => {
  expect(statementOf(manifest(new Evidence([first!]))).toString()).toBe(
    '{"_type":"https://in-toto.io/Statement/v1",' +
      `"subject":[{"name":"pg.orders/000000","digest":{"sha256":"${'0'.repeat(64)}"}}],` +
      '"predicateType":"https://intelgraph.dev/conductor/stream-segment/v1",' +
      `"predicate":{"stream":"pg.orders","lsn":"0/A","sha256":"${'0'.repeat(64)}","count":5,"number":0,` +
      '"database":"shop","topic":"gov.shop.public.orders","lsnFrom":"0/0","lsnTo":"0/A",' +
      '"from":"00000000/0000000000000000/00000000/00000000",' +
      '"to":"00000001/000000000000000a/00000000/00000000","watermark":100,"offsets":{"0":[0,5]},' +
      `"resent":0,"prevDigest":null,"policyRevisions":["v1"],"schemaDigests":["${'ab'.repeat(32)}"]}}`,
  );
});

test('manifests that go on where the one before ended have no fault', () => {
  const evidence = new Evidence([first!]);
  for (let n = 0; n < 3; n++) expect(take(evidence, manifest(evidence))).toBe('');
  expect(evidence.heads.get('pg.orders')).toMatchObject({ number: 3, position: placeAt(30) });
});

const misfits: readonly (readonly [string, Partial<Manifest>, RegExp])[] = [
  ['skips a number', { number: 5 }, /manifests of segments 2 to 4 are missing/],
  ['has a number again', { number: 1 }, /put in again, or out of order/],
  ['names another predecessor', { prevDigest: 'cd'.repeat(32) }, /another manifest before it/],
  ['names none', { prevDigest: null }, /another manifest before it/],
  ['begins elsewhere', { from: placeAt(1), lsnFrom: '0/1' }, /do not begin where/],
  ['ends before it begins', { to: placeAt(1), lsn: '0/1', lsnTo: '0/1' }, /do not begin where/],
  ['says another LSN', { lsn: '0/FF' }, /LSNs are not those/],
  ['leaves offsets out', { offsets: { 0: [11, 16] } }, /offsets 10 to 10 are in no segment/],
  ['has offsets again', { offsets: { 0: [9, 15] } }, /from 9 on are in a segment before/],
  ['counts too many', { count: 6 }, /more records than its offsets have room for/],
  ['is of another topic', { topic: 'gov.shop.public.others' }, /another topic/],
  ['is of a time before', { watermark: 1 }, /time goes back/],
];

test.each(misfits)('a manifest that %s is a fault', (_, change, fault) => {
  const evidence = new Evidence([first!]);
  for (let n = 0; n < 2; n++) take(evidence, manifest(evidence));
  expect(judge(evidence, manifest(evidence, change)).what).toMatch(fault);
});

test('a key that a trusted one announced is trusted, and no other', () => {
  const evidence = new Evidence([first!]);
  expect(judge(evidence, manifest(evidence), second!).what).toMatch(/no key that is trusted/);
  expect(judge(evidence, notice('announce', second!), second!).what).toMatch(/no key that is/);
  expect(take(evidence, notice('announce', second!))).toBe('');
  expect(take(evidence, manifest(evidence), second!)).toBe('');
  expect(take(evidence, notice('announce', third!), second!)).toBe('');
  expect(evidence.trusts(third!.id)).toBe(true);
});

test('what a key signs after it was revoked does not count, and what it signed before does', () => {
  const evidence = new Evidence([first!]);
  take(evidence, manifest(evidence));
  take(evidence, notice('announce', second!));
  expect(take(evidence, notice('revoke', first!), second!)).toBe('');
  expect(judge(evidence, manifest(evidence)).what).toMatch(/was revoked before/);
  expect(take(evidence, manifest(evidence), second!)).toBe('');
  expect(evidence.keysAt(2).map(({ id }) => id)).toEqual([first!.id, second!.id]);
  expect(evidence.keysAt(3).map(({ id }) => id)).toEqual([second!.id]);
});

test('a revoked key is not brought back by an announcement', () => {
  const evidence = new Evidence([first!]);
  take(evidence, notice('announce', second!));
  take(evidence, notice('revoke', second!));
  take(evidence, notice('announce', second!));
  expect(evidence.trusts(second!.id)).toBe(false);
  expect(evidence.isRevoked(second!.id)).toBe(true);
});

test('a notice that speaks of a key by the id of another is a fault', () => {
  const evidence = new Evidence([first!]);
  const said = notice('announce', second!);
  if (said.kind !== 'key') throw new Error('it is a notice');
  const forged: Said = { kind: 'key', notice: { ...said.notice, keyId: third!.id } };
  expect(judge(evidence, forged).what).toMatch(/has another id/);
});

test('a notice that has a fault is gone on from, and changes nothing in who is trusted', () => {
  const evidence = new Evidence([first!]);
  take(evidence, notice('announce', third!));
  take(evidence, notice('revoke', third!));
  const said = notice('announce', second!);
  if (said.kind !== 'key') throw new Error('it is a notice');
  const short: Said = { kind: 'key', notice: { ...said.notice, publicKey: 'AAAA' } };
  for (const [forged, key] of [
    [said, second!], // By itself.
    [said, third!], // By one that was revoked.
    [notice('revoke', first!), second!],
    [short, second!],
    [short, first!],
  ] as const)
    expect(take(evidence, forged, key)).not.toBe('');
  expect(take(evidence, manifest(evidence), second!)).toMatch(/no key that is trusted/);
  expect(evidence.keysAt(evidence.size).map(({ id }) => id)).toEqual([first!.id]);
  expect(evidence.size).toBe(8);
});

test('who trusts nobody yet trusts the key that announces itself first, and no other', () => {
  const evidence = new Evidence('first');
  expect(judge(evidence, manifest(evidence)).what).toMatch(/no key that is trusted/);
  expect(judge(evidence, notice('announce', first!), second!).what).toMatch(/no key that is/);
  expect(take(evidence, notice('announce', first!))).toBe('');
  expect(judge(evidence, notice('announce', second!), second!).what).toMatch(/no key that is/);
  expect(judge(evidence, manifest(evidence)).what).toBe('');
});

test('what was learnt is the same after it was written down', () => {
  const evidence = new Evidence('first');
  take(evidence, notice('announce', first!));
  take(evidence, manifest(evidence));
  take(evidence, notice('announce', second!));
  take(evidence, notice('revoke', second!));
  const state = JSON.stringify(evidence.state());
  const again = Evidence.from(JSON.parse(state) as ReturnType<Evidence['state']>);
  expect(JSON.stringify(again.state())).toBe(state);
  expect(take(again, manifest(again))).toBe('');
  expect(again.trusts(second!.id)).toBe(false);
});

test('what was done with dead letters is an entry, remembered by its job, and counts for no stream', () => {
  const said = (job: string, letters = 'cd'.repeat(32)): Said => ({
    kind: 'letters',
    notice: {
      action: 'waive',
      job,
      who: 'ada',
      why: 'a test',
      begunAt: '2026-11-27T01:02:03.456Z',
      filter: { table: 'public.users' },
      counts: { letters: 2, sent: 0, dropped: 0 },
      letters,
      transform: null,
    },
  });
  const evidence = new Evidence([first!]);
  expect(take(evidence, said('j1'))).toBe('');
  expect(take(evidence, said('j2'), second!)).not.toBe(''); // Nobody trusts that key.
  expect([...Evidence.from(evidence.state()).letters]).toEqual(['j1']);
  expect(evidence.heads.size).toBe(0);
  const other = JSON.parse(statementOf(said('j3')).toString()) as { subject: unknown };
  other.subject = [{ name: 'letters/j3', digest: { sha256: 'ef'.repeat(32) } }];
  const entry = envelope(statementType, Buffer.from(JSON.stringify(other)), first!);
  expect(evidence.judge(entry).faults).toEqual([{ what: 'it says nothing that is known' }]);
});
