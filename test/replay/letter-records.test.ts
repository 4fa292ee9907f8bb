import avro from 'avsc';
import { expect, test } from 'vitest';
import { UnknownSchema } from '../../contracts/registry.ts';
import type { Dated } from '../../pipelines/topic/received.ts';
import { pieceReader } from '../../replay/letter-records.ts';
import { deadLetterSchema } from '../../schemas/dead-letter.ts';
import { frame } from '../../schemas/wire.ts';

const type = avro.Type.forSchema(deadLetterSchema as never, { wrapUnions: false });
const letter = {
  id: '0'.repeat(32),
  pipeline: 'govern',
  reason: 'no-tenant',
  message: 'table public.users',
  table: null,
  origin: 'cdc.shop.public.users/3@42',
  sealed: Buffer.of(1, 2, 3),
  chunk: 0,
  chunks: 1,
  seals: 1,
};
const record = (value: Buffer | null): Dated => ({
  topic: 'dlq.govern',
  partition: 0,
  offset: 7n,
  key: null,
  value,
  headers: [],
  at: 1_000,
});

test('what is no letter, and what only the registry could tell, are told apart, and hold up no letter', async () => {
  const asked: number[] = [];
  const read = pieceReader({
    async learn(ids) {
      asked.push(...ids);
      if (asked.at(-1) === 9) throw new UnknownSchema('schema 9 is not registered');
    },
    type: (id) => (id === 1 ? type : undefined),
  });
  const batch = [
    record(Buffer.of(0, 0, 0, 0, 9, 1)),
    record(Buffer.from('no letter')),
    record(null),
    record(frame({ id: 1, type }, letter)),
  ];
  for (let round = 0; round < 2; round++) {
    const [unknown, stray, empty, found] = await read(batch);
    expect([unknown, stray, empty]).toEqual(['unknown', 'stray', 'stray']);
    expect(found).toMatchObject({ id: letter.id, offset: 7n, at: 1_000 });
  }
  expect(asked.filter((id) => id === 9)).toEqual([9]);
});

test('a registry that does not answer is an outage, and no letter is passed over for it', async () => {
  const down = { learn: () => Promise.reject(new Error('it does not answer')), type: () => type };
  await expect(pieceReader(down)([record(Buffer.of(0, 0, 0, 0, 9, 1))])).rejects.toThrow(
    'it does not answer',
  );
});
