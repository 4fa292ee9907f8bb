import { expect, test } from 'vitest';
import { unchanged } from '../../schemas/value.ts';
import type { Given } from './sink-contract.ts';
import { asText, sorted, valueColumns, valueRows } from './values.ts';

/** What becomes of rows: every sink holds the newest state of each, and nothing else. */
export function rowCases(given: Given, needsBase: () => boolean): void {
  const ada = { id: 1n, name: 'Ada', note: 'long' };
  const adaText = { id: '1', name: 'Ada', note: 'long' };

  test('takes an empty batch', async () => {
    await using t = await given();
    await t.sink.write([]);
    expect(await t.rows()).toEqual([]);
  });

  test('holds what insert, update and delete leave, in one batch or in three', async () => {
    await using t = await given();
    const bob = { id: 2n, name: 'Bob', note: null };
    await t.sink.write([t.change.insert(1, ada), t.change.insert(2, bob)]);
    expect(await t.rows()).toEqual([adaText, { id: '2', name: 'Bob', note: null }]);
    await t.sink.write([t.change.update(3, { ...ada, name: 'Ada L.' })]);
    await t.sink.write([t.change.delete(4, { id: 2n })]);
    expect(await t.rows()).toEqual([{ ...adaText, name: 'Ada L.' }]);
    await t.sink.write([
      t.change.insert(5, { ...bob, id: 3n }),
      t.change.update(6, { ...bob, id: 3n, name: 'Bo' }),
      t.change.delete(7, { id: 3n }),
    ]);
    expect(await t.rows()).toEqual([{ ...adaText, name: 'Ada L.' }]);
  });

  test('is none the worse for the same batch twice', async () => {
    await using t = await given();
    const batch = [
      t.change.insert(1, ada),
      t.change.insert(2, { ...ada, id: 2n }),
      t.change.delete(3, { id: 2n }),
    ];
    await t.sink.write(batch);
    await t.sink.write(batch);
    await t.sink.write([...batch, ...batch]);
    expect(await t.rows()).toEqual([adaText]);
  });

  test('ignores an older batch that comes after a newer one', async () => {
    await using t = await given();
    await t.sink.write([t.change.update(9, { ...ada, name: 'new' })]);
    await t.sink.write([t.change.insert(1, ada), t.change.update(5, { ...ada, name: 'middle' })]);
    await t.sink.write([t.change.delete(3, { id: 1n })]);
    expect(await t.rows()).toEqual([{ ...adaText, name: 'new' }]);
  });

  test('keeps an unchanged column, from an earlier batch or from the same one', async () => {
    await using t = await given();
    await t.sink.write([t.change.insert(1, ada)]);
    await t.sink.write([t.change.update(2, { id: 1n, name: 'A', note: unchanged })]);
    expect(await t.rows()).toEqual([{ ...adaText, name: 'A' }]);
    await t.sink.write([
      t.change.insert(3, { ...ada, id: 2n }),
      t.change.update(4, { id: 2n, name: 'B', note: unchanged }),
      t.change.update(5, { id: 2n, name: unchanged, note: 'longer' }),
      t.change.update(6, { id: 2n, name: null, note: unchanged }),
    ]);
    expect(await t.rows()).toEqual([
      { ...adaText, name: 'A' },
      { id: '2', name: null, note: 'longer' },
    ]);
  });

  test('writes null where null was written, and only there', async () => {
    await using t = await given();
    await t.sink.write([t.change.insert(1, ada)]);
    await t.sink.write([t.change.update(2, { id: 1n, name: null, note: unchanged })]);
    expect(await t.rows()).toEqual([{ ...adaText, name: null }]);
  });

  test('never invents what an unchanged column without an earlier row holds', async () => {
    await using t = await given();
    const orphan = t.change.update(2, { id: 1n, name: 'orphan', note: unchanged });
    const whole = t.change.insert(1, { ...ada, id: 2n });
    if (!needsBase()) {
      await t.sink.write([whole, orphan]);
      await t.sink.write([t.change.insert([1, 1], ada)]);
      expect((await t.rows())[0]).toEqual({ ...adaText, name: 'orphan' });
      return;
    }
    await expect(t.sink.write([whole, orphan])).rejects.toMatchObject({
      reason: 'missing-base',
      message: expect.stringMatching(/^table public\.t(?!.*orphan).*\bnote\b/),
    });
    expect(await t.rows()).toEqual([]);
  });

  test('does not raise the dead: an older insert after a delete does nothing', async () => {
    await using t = await given();
    await t.sink.write([t.change.delete(5, { id: 1n })]);
    await t.sink.write([t.change.insert(1, ada), t.change.update(4, ada)]);
    expect(await t.rows()).toEqual([]);
  });

  test('takes a key back that is inserted anew after its delete', async () => {
    await using t = await given();
    await t.sink.write([t.change.insert(1, ada)]);
    await t.sink.write([
      t.change.delete(2, { id: 1n }),
      t.change.insert(3, { ...ada, note: null }),
    ]);
    expect(await t.rows()).toEqual([{ ...adaText, note: null }]);
    await t.sink.write([t.change.delete(4, { id: 1n })]);
    await t.sink.write([t.change.insert(5, ada)]);
    expect(await t.rows()).toEqual([adaText]);
  });

  test('empties a table at a truncate, for rows that come late as well', async () => {
    await using t = await given();
    await t.sink.write([t.change.insert(1, ada), t.change.insert(2, { ...ada, id: 2n })]);
    await t.sink.write([t.change.truncate(5), t.change.insert(6, { ...ada, id: 3n })]);
    await t.sink.write([t.change.insert(3, { ...ada, id: 4n }), t.change.update(4, ada)]);
    expect(await t.rows()).toEqual([{ ...adaText, id: '3' }]);
    await t.sink.write([t.change.insert(7, ada), t.change.truncate(8)]);
    expect(await t.rows()).toEqual([]);
  });

  test('does not let a late truncate take what is newer', async () => {
    await using t = await given();
    await t.sink.write([t.change.insert(1, ada), t.change.insert(7, { ...ada, id: 2n })]);
    await t.sink.write([t.change.truncate(5)]);
    expect(await t.rows()).toEqual([{ ...adaText, id: '2' }]);
  });

  test('moves a row whose key changed', async () => {
    await using t = await given();
    await t.sink.write([t.change.insert(1, ada)]);
    const moved = [
      t.change.delete([2, 0], { id: 1n }),
      t.change.insert([2, 1], { ...ada, id: 9n }),
    ];
    await t.sink.write(moved);
    await t.sink.write(moved);
    expect(await t.rows()).toEqual([{ ...adaText, id: '9' }]);
  });

  test('tells composite keys apart by all of their columns', async () => {
    const key = ['tenant', 'no'];
    await using t = await given({ no: 'integer', tenant: 'text', name: 'text' }, key);
    await t.sink.write([
      t.change.insert(1, { no: 1, tenant: 'a', name: 'a1' }),
      t.change.insert(2, { no: 1, tenant: 'b', name: 'b1' }),
      t.change.insert(3, { no: 2, tenant: 'a', name: 'a2' }),
    ]);
    await t.sink.write([
      t.change.delete(4, { tenant: 'a', no: 1 }),
      t.change.update(5, { no: 1, tenant: 'b', name: 'B1' }),
    ]);
    expect(await t.rows()).toEqual([
      { no: '1', tenant: 'b', name: 'B1' },
      { no: '2', tenant: 'a', name: 'a2' },
    ]);
  });

  test('holds every value as the source had it', async () => {
    await using t = await given(valueColumns);
    await t.sink.write(valueRows.map((row, n) => t.change.insert(n + 1, row)));
    expect(await t.rows()).toEqual(sorted(valueRows.map(asText)));
  });
}
