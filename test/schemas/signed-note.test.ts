import { expect, test } from 'vitest';
import { parseCheckpoint, signedCheckpoint } from '../../schemas/log-checkpoint.ts';
import {
  cosignedBy,
  hasSigned,
  noteText,
  parseNote,
  parseVerifier,
  verifierText,
} from '../../schemas/signed-note.ts';
import { signingKey } from '../../schemas/signing-key.ts';

// The example of golang.org/x/mod/sumdb/note.
const peter = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const text =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const signed = `${text}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

test('the note that the Go checksum database publishes is signed by the key that it publishes', () => {
  const verifier = parseVerifier(peter)!;
  const note = parseNote(signed)!;
  expect(verifierText(verifier)).toBe(peter);
  expect(hasSigned(verifier, note)).toBe(true);
  expect(hasSigned({ ...verifier, name: 'EnochRoot' }, note)).toBe(false);
  expect(hasSigned({ ...verifier, kind: 'witness' }, note)).toBe(false);
  expect(hasSigned(verifier, { ...note, text: note.text.replace('answer', 'question') })).toBe(
    false,
  );
  expect(noteText(note)).toBe(signed);
});

const key = signingKey('11'.repeat(32));
const log = { name: 'log.example/shop', kind: 'log', key } as const;
const checkpoint = { origin: log.name, size: 20_852_163, root: Buffer.alloc(32, 7) };

test('golden bytes of a checkpoint', () => {
  expect(signedCheckpoint(checkpoint, key)).toBe(`log.example/shop
20852163
BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=

— log.example/shop 4/kKcSmsnhcvfCVcWHxRI5tAgTIfSd+AIWXZdH8SWrV+yz1XASMG48J0q4AHNK79G5oDtaQWlyWvnXH/rCQDSoU3wgg=
`);
});

test('a checkpoint is read as it was said, and cosigned by witnesses beside the log', () => {
  const said = parseCheckpoint(signedCheckpoint(checkpoint, key))!;
  expect(said).toMatchObject({ origin: log.name, size: checkpoint.size, root: checkpoint.root });
  const witness = { name: 'witness.example', kind: 'witness', key: signingKey('22'.repeat(32)) };
  const { name, key: own } = witness;
  const signatures = [
    ...said.note.signatures,
    cosignedBy(name, own, said.note.text, 1_700_000_000),
  ];
  const both = parseCheckpoint(noteText({ ...said.note, signatures }))!;
  expect(hasSigned(log, both.note)).toBe(true);
  expect(hasSigned({ ...witness, kind: 'witness' }, both.note)).toBe(true);
  expect(hasSigned({ ...witness, kind: 'log' }, both.note)).toBe(false);
  expect(hasSigned({ ...witness, kind: 'witness' }, said.note)).toBe(false);
  signatures[1]!.signature[3] = 1; // The time is signed, too.
  expect(hasSigned({ ...witness, kind: 'witness' }, { ...both.note, signatures })).toBe(false);
});

test.each([
  ['no signature block', 'log\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n'],
  ['a size that is none', `log\n01\n${'B'.repeat(43)}=\n\n— log AAAAAAAAAA==\n`],
  ['a root that is too short', 'log\n1\nBwc=\n\n— log AAAAAAAAAA==\n'],
  ['no signature', `log\n1\n${checkpoint.root.toString('base64')}\n\n— log\n`],
  ['nothing', ''],
])('what has %s is no checkpoint', (_, written) => {
  expect(parseCheckpoint(written)).toBe(null);
});

test.each([
  ['another hash', peter.replace('c74f20a3', 'c74f20a4')],
  ['an algorithm that is not known', `log+00000000+${Buffer.alloc(33, 9).toString('base64')}`],
  ['too few bytes', `log+00000000+${Buffer.alloc(12, 1).toString('base64')}`],
  ['no hash', 'log+AQ=='],
])('a line with %s is no public key', (_, line) => {
  expect(parseVerifier(line)).toBe(null);
});
