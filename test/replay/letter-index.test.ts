import { expect, test } from 'vitest';
import { tableAt } from '../../replay/letter-index.ts';

test.each([
  ['cdc.shop.public.users/3@42', 'public.users'],
  ['gov.shop.public.a_x20_b/0@7', 'public.a_x20_b'],
  ['cdc.shop.transactions/0@7', null],
  ['slot@00000001/000000000000000a/00000000/00000000', null],
  ['anon.visits/0@7', null],
])('the origin %s names the table %s', (origin, table) => {
  expect(tableAt(origin)).toBe(table);
});
