import { expect, test } from 'vitest';
import { verifiedText } from '../../../ops/provenance/verified-text.ts';
import { verify } from '../../../ops/provenance/verify.ts';
import { announced } from '../../../pipelines/prove/evidence-log.ts';
import { noteText, cosignedBy, parseNote } from '../../../schemas/signed-note.ts';
import type { SigningKey } from '../../../schemas/signing-key.ts';
import {
  checkpointOf,
  logInMemory,
  origin,
  otherKey,
  ownKey,
  thirdKey,
  wanted,
  written,
} from './log-in-memory.ts';

const log = ['a', 'b', 'c'].map((reason) => written(announced(ownKey, reason)));
const other = ['a', 'x', 'y'].map((reason) => written(announced(ownKey, reason)));
const claims = log.map((entry, index) => [index, entry] as const);

const verified = (checkpoints: readonly string[], more: Partial<typeof wanted> = {}) =>
  verify(logInMemory(claims, checkpoints), { ...wanted, ...more });

const at = (entries: readonly Buffer[], size: number, key?: SigningKey) =>
  checkpointOf(entries.slice(0, size), key);

test('checkpoints of every size that agree with the log are sound', async () => {
  const { faults, checkpoint } = await verified([0, 1, 2, 2, 3].map((size) => at(log, size)));
  expect(faults).toEqual([]);
  expect(checkpoint?.size).toBe(3);
});

test.each([
  ['of the same size', [at(log, 3), at(other, 3)]],
  ['of the same size, which came first', [at(other, 3), at(log, 3)]],
  ['of a smaller size', [at(log, 3), at(other, 2)]],
  ['that is met before the log goes on', [at(other, 2), at(log, 3)]],
])('a signed checkpoint of another history, %s, is a fork', async (_, checkpoints) => {
  const { faults, checkpoint } = await verified(checkpoints);
  expect(faults).toHaveLength(1);
  expect(faults[0]?.what).toMatch(/^a fork: .* two histories were signed$/);
  expect(checkpoint?.size).toBe(3);
});

test('a checkpoint of another history that nobody signed who is trusted is passed over', async () => {
  expect((await verified([at(log, 3), at(other, 2, otherKey)])).faults).toEqual([]);
});

function withWitnesses(text: string, ...witnesses: readonly SigningKey[]): string {
  const note = parseNote(text)!;
  const cosigned = witnesses.map((key) => cosignedBy('w.example', key, note.text, 1_700_000_000));
  return noteText({ ...note, signatures: [...note.signatures, ...cosigned] });
}

const witness = { name: 'w.example', kind: 'witness', key: otherKey } as const;
const second = { name: 'w.example', kind: 'witness', key: thirdKey } as const;

test('what was cosigned is told: the checkpoint that was kept, not the newest', async () => {
  const trusted = [...wanted.trusted, witness];
  const earlier = withWitnesses(at(log, 1), otherKey);
  const found = await verified([at(log, 3)], { trusted, earlier, quorum: 1 });
  expect(found).toMatchObject({
    verified: true,
    checkpoint: { size: 3 },
    cosigned: { size: 1 },
    cosignedBy: ['w.example'],
  });
  expect(verifiedText(found)).toMatch(
    /^log log.example\/claimed: 3 entries, checkpoint of 3 with root \w+\n.*cosigned by w.example: the checkpoint of 1 with root \w+\n/s,
  );
});

test('a witness that is listed twice is one, and two are two', async () => {
  const signed = withWitnesses(at(log, 3), otherKey, thirdKey);
  const twice = { trusted: [...wanted.trusted, witness, witness], quorum: 2 };
  const { faults } = await verified([signed], twice);
  expect(faults.map(({ what }) => what)).toEqual([
    '1 witnesses have signed the checkpoint of 3 entries, not 2',
  ]);
  const two = { trusted: [...wanted.trusted, witness, second], quorum: 2 };
  expect(await verified([signed], two)).toMatchObject({ verified: true, origin });
});
