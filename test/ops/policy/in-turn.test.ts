import { expect, test } from 'vitest';
import { InTurn } from '../../../ops/policy/in-turn.ts';

test('news that come while the first turn is taken are taken up after it', async () => {
  let newest = 'old';
  const taken: string[] = [];
  const take = async () => void taken.push(newest);
  const turns = new InTurn(take);
  await turns.begin(async () => {
    await take();
    newest = 'new';
    turns.news();
  });
  await turns.end();
  expect(taken.at(0)).toBe('old');
  expect(taken.at(-1)).toBe('new');
});

test('turns are taken one after the other', async () => {
  let running = 0;
  let most = 0;
  let all = 0;
  const turns = new InTurn(async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    all++;
    running--;
  });
  await turns.begin(async () => {});
  for (let n = 0; n < 5; n++) turns.news();
  await turns.end();
  expect([most, all]).toEqual([1, 6]);
});

test('before a first turn that succeeds there is none', async () => {
  let all = 0;
  const turns = new InTurn(async () => void all++);
  turns.news();
  await expect(turns.begin(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  turns.news();
  await turns.end();
  expect(all).toBe(0);
});

test('at the end what was asked for is done, and news of after it begin nothing', async () => {
  let all = 0;
  const turns = new InTurn(async () => void all++);
  await turns.begin(async () => {});
  turns.news();
  const ended = turns.end();
  turns.news();
  await ended;
  await turns.end();
  expect(all).toBe(2);
});
