import { expect, test } from 'vitest';
import { datasetOf, refuseTwins } from '../../contracts/dataset.ts';

const of = (table: string, said: string | null = null) => ({
  table,
  dataset: datasetOf('shop', table, said),
});

test('a dataset by the name that another table has by default is refused: only one of them would ever be told', () => {
  const twins = [of('public.a'), of('public.b'), of('public.c', 'shop.public.a')];
  expect(() => refuseTwins('anon', twins)).toThrow(
    /the dataset shop\.public\.a is that of public\.a and of public\.c.*fix: +give one of them another name/s,
  );
  expect(() => refuseTwins('dp', twins.slice(0, 2))).not.toThrow();
});
