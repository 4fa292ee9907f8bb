import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import type { TableContract } from '../../contracts/contract.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Row } from '../../schemas/value.ts';
import type { Given } from './sink-contract.ts';

/** What becomes of a batch when something goes wrong, or comes again, or two write at once. */
export function faultCases(
  given: Given,
  poisonFor: (contract: TableContract) => Promise<Row>,
): void {
  const ada = { id: 1n, name: 'Ada', note: 'long' };

  test('rejects data the server cannot hold as a refusal, without its value, and keeps none of the batch', async () => {
    await using t = await given({ id: 'bigint', name: 'text', n: 'integer' });
    const poison = await poisonFor(t.contract);
    const before = await t.rows();
    const write = t.sink.write([
      t.change.insert(11, { id: 1n, name: 'fine', n: 1 }),
      t.change.insert(12, poison),
      t.change.delete(13, { id: 77n }),
    ]);
    const refusal = await write.then(
      () => null,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(Refusal);
    const { reason, message, cause } = refusal as Refusal;
    expect(reason).toBe('rejected-by-sink');
    expect(message).toContain(t.contract.table);
    expect(inspect({ message, cause }, { depth: 9 })).not.toContain('secret-value');
    expect(await t.rows()).toEqual(before);

    await t.sink.write([t.change.insert(11, { id: 1n, name: 'fine', n: 1 })]);
    expect(await t.rows()).toHaveLength(before.length + 1);
  });

  test('writes what it had prepared, and whatever else comes before it, each once', async () => {
    await using t = await given();
    const insert = (at: number, id: number) =>
      t.change.insert(at, { id: BigInt(id), name: `n${at}`, note: null });
    const batch = (from: number, ids: number) =>
      Array.from({ length: 150 }, (_, n) => insert(from + n, ids + n));
    const all = [batch(1, 0), batch(201, 100), batch(401, 50), batch(601, 0), batch(801, 500)];
    const [first, second, third, fourth, fifth] = all;
    const names = async () =>
      Object.fromEntries((await t.rows()).map((row) => [row['id'], row['name']] as const));
    const upTo = (count: number) =>
      Object.fromEntries(
        all
          .slice(0, count)
          .flatMap((some) => some.map(({ after }) => [String(after?.['id']), after?.['name']])),
      );

    await t.sink.write(first!, () => t.sink.prepare?.(second!));
    await t.sink.write(second!);
    expect(await names()).toEqual(upTo(2));
    t.sink.prepare?.(fourth!); // Another one comes first, in parts, as around a poison.
    await t.sink.write(third!.slice(0, 120));
    await t.sink.write(third!.slice(120));
    await t.sink.write(fourth!);
    await t.sink.write(fourth!);
    expect(await names()).toEqual(upTo(4));
    t.sink.prepare?.(third!); // It rests there by now, and something newer of some of its keys.
    t.sink.prepare?.(fifth!);
    await t.sink.write(third!);
    await t.sink.write(fifth!);
    expect(await names()).toEqual(upTo(5));
  });

  test('tells what cannot be written when it is written, though it was prepared', async () => {
    await using t = await given({ id: 'bigint', name: 'text', n: 'integer' });
    const poison = await poisonFor(t.contract);
    const before = await t.rows();
    const fine = Array.from({ length: 150 }, (_, n) =>
      t.change.insert(n + 1, { id: BigInt(n + 1_000), name: `fine ${n}`, n }),
    );
    const bad = [...fine, t.change.insert(500, poison)];
    t.sink.prepare?.(bad);
    await expect(t.sink.write(bad)).rejects.toBeInstanceOf(Refusal);
    expect(await t.rows()).toEqual(before);
    t.sink.prepare?.(bad);
    await t.sink.write(fine);
    expect(await t.rows()).toHaveLength(before.length + 150);
  });

  test('may be killed between write and confirm: the same again in other batches doubles nothing', async () => {
    await using t = await given();
    const all = Array.from({ length: 30 }, (_, n) => {
      const id = BigInt(n % 7);
      if (n % 11 === 10) return t.change.delete(n + 1, { id });
      return t.change.insert(n + 1, { id, name: `n${n}`, note: null });
    });
    await t.sink.write(all.slice(0, 20));
    const before = await t.rows();
    await using again = await t.reopen();
    await again.write(all.slice(0, 7));
    await again.write(all.slice(7, 20));
    expect(await t.rows()).toEqual(before);
    await again.write(all.slice(15));
    const names = (await t.rows()).map(({ name: text }) => text);
    expect(names).toHaveLength(7);
    expect(new Set(names)).toEqual(new Set(['n23', 'n24', 'n25', 'n26', 'n27', 'n28', 'n29']));
  });

  test('lets two writers at the same keys: the newest wins, and none waits for ever', async () => {
    await using t = await given();
    await using other = await t.reopen();
    const batchOf = (start: number, order: readonly number[]) =>
      order.map((id) =>
        t.change.insert(start + id, { id: BigInt(id), name: `at ${start}`, note: null }),
      );
    const up = Array.from({ length: 40 }, (_, n) => n);
    const down = [...up].reverse();
    for (let round = 0; round < 4; round++) {
      const [low, high] = [1_000 + round * 1_000, 1_500 + round * 1_000];
      await Promise.all([
        t.sink.write(batchOf(low, up)),
        other.write(batchOf(high, down)),
        t.sink.write(batchOf(high, up)),
        other.write(batchOf(low, down)),
      ]);
    }
    const rows = await t.rows();
    expect(rows).toHaveLength(40);
    expect(new Set(rows.map(({ name: text }) => text))).toEqual(new Set(['at 4500']));
  });

  test('does not raise the dead while another writer buries them', async () => {
    await using t = await given();
    await using other = await t.reopen();
    const ids = Array.from({ length: 40 }, (_, n) => BigInt(n));
    for (let round = 0; round < 6; round++) {
      const keys = ids.map((id) => ({ id: id + BigInt(round * 100) }));
      await Promise.all([
        t.sink.write(keys.map((key, n) => t.change.delete(100 + n, key))),
        other.write(
          keys.map((key, n) => t.change.insert(1 + n, { ...key, name: 'dead', note: null })),
        ),
      ]);
    }
    expect(await t.rows()).toEqual([]);
  });

  test('appends the rows of a table without a key, each once', async () => {
    await using t = await given({ name: 'text' }, []);
    const batch = [t.change.insert(1, { name: 'a' }), t.change.insert(2, { name: 'a' })];
    await t.sink.write(batch);
    await t.sink.write([...batch, t.change.insert(3, { name: 'b' })]);
    expect(await t.rows()).toEqual([{ name: 'a' }, { name: 'a' }, { name: 'b' }]);
    await t.sink.write([t.change.truncate(4)]);
    expect(await t.rows()).toEqual([]);
  });

  test('writes nothing any more once it is closed', async () => {
    const t = await given();
    await t.sink[Symbol.asyncDispose]();
    await expect(t.sink.write([t.change.insert(1, ada)])).rejects.toThrow();
    expect(await t.rows()).toEqual([]);
  });
}
