import { expect, test } from 'vitest';
import { Crowded, Gathering } from '../../../ops/usage/gathering.ts';

/** A sink that a test lets go on, write by write. */
function held() {
  const writes: { readonly values: readonly number[]; readonly end: (error?: Error) => void }[] =
    [];
  const write = (values: readonly number[]) =>
    new Promise<void>((resolve, reject) => {
      writes.push({ values, end: (error) => (error ? reject(error) : resolve()) });
    });
  return { writes, write };
}

const next = () => new Promise((resolve) => setImmediate(resolve));

test('what comes while one batch is written is written together as the next, and nobody hears of it before', async () => {
  const { writes, write } = held();
  const gathering = new Gathering({ write }, 100);
  const heard: number[] = [];
  const all = [1, 2, 3].map((n) => gathering.write([n]).then(() => heard.push(n)));
  await next();
  expect(writes.map(({ values }) => values)).toEqual([[1]]);
  writes[0]?.end();
  await next();
  expect([writes.map(({ values }) => values), heard]).toEqual([[[1], [2, 3]], [1]]);
  writes[1]?.end();
  await Promise.all(all);
  expect(heard).toEqual([1, 2, 3]);
});

test('a write that fails is told to those whose values it had, and the next goes on', async () => {
  const { writes, write } = held();
  const gathering = new Gathering({ write }, 100);
  const [first, second] = [gathering.write([1]), gathering.write([2])];
  writes[0]?.end(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  await next();
  writes[1]?.end();
  await expect(second).resolves.toBeUndefined();
});

test('more than may wait is refused at once, but for one that is large and alone', async () => {
  const { writes, write } = held();
  const gathering = new Gathering({ write }, 2);
  const large = gathering.write([1, 2, 3]);
  await expect(gathering.write([4])).rejects.toThrow(Crowded);
  writes[0]?.end();
  await large;
  const after = gathering.write([5]);
  writes[1]?.end();
  await after;
});
