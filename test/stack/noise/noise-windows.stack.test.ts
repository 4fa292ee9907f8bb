import { type ConnectionPool, sql } from '@databases/pg';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Dp } from '../../../contracts/dp.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import { accounts } from '../../../pipelines/noise/ledger.ts';
import type { WindowRow } from '../../../pipelines/windows/closed-window.ts';
import { changeRecord } from '../../pipelines/records.ts';
import { decoded } from '../../processors/tables.ts';
import { type OwnDatabases, ownDatabases, raw } from '../own-databases.ts';
import { day, indexOf, ordered, plain, workerOf } from './orders-worker.ts';

let databases: OwnDatabases<'state'> | null = null;
let db: ConnectionPool;

const dispose = async () => {
  await db?.dispose();
  await databases?.[Symbol.asyncDispose]();
};

beforeEach(async () => {
  await dispose();
  databases = await ownDatabases(['state']);
  db = openDatabase(databases.urlOf('state'));
});
afterAll(dispose);

const worker = (asked?: Partial<Dp>) => workerOf(db, asked);

/** As if nothing had ever been published. */
async function forget(): Promise<void> {
  const tables =
    'dp_sums, dp_parts, dp_subjects, dp_releases, dp_unsent, dp_datasets, dp_budgets, dp_spends, dp_refusals';
  await db.query(raw(`DROP TABLE IF EXISTS ${tables}`));
}

const week = [
  ordered('2026-11-03', [
    { customer: 7, amount: '20.00' },
    { customer: 8, amount: '500.00' },
  ]),
  ordered('2026-11-05', [{ customer: 7, amount: '30.00' }]),
  ordered('2026-11-06', []),
];

async function whole(asked: Partial<Dp> = {}) {
  const one = await worker(asked);
  for (const window of week) await one.close(window);
  return one;
}

describe('a dataset', () => {
  test('publishes every window from its first on, whether something came or not', async () => {
    const one = await whole();
    const counts = one.sent().filter(({ query, span }) => query === 'orders' && span === 'window');
    expect(counts.map(({ from }) => from / day - indexOf('2026-11-01'))).toEqual([2, 3, 4, 5]);
    expect(one.sent()).toHaveLength(4 * 3 * 6); // Days, spans, and series of four queries.
    expect(one.noisy.values.map(({ endMs }) => endMs % 86_400_000)).toEqual(
      one.noisy.values.map(() => 0),
    );
  });

  test('begins with the first window that has a time: what was copied before is in none', async () => {
    const one = await worker();
    await one.close({ ...ordered('1970-01-01', []), isLast: false });
    await one.close(ordered('1970-01-01', []));
    await one.close(week[0]!);
    expect(new Set(one.sent().map(({ to }) => to / day - indexOf('2026-11-01')))).toEqual(
      new Set([3]),
    );
    expect(await accounts(db)).toMatchObject([{ month: '2026-11' }]);
  });

  test('has paid for the month of each query before, and for no more', async () => {
    await whole();
    expect(await accounts(db)).toMatchObject([
      { tenant: '', month: '2026-11', spent: 1_000_000_000n, budget: 1_000_000_000n, withheld: 0 },
    ]);
  });

  test('keeps neither exact sums nor subjects in the open', async () => {
    const secret = { customer: 987_654, amount: '123.45' };
    const one = await worker();
    await one.close(ordered('2026-11-03', [secret]));
    const tables = [
      'dp_sums',
      'dp_parts',
      'dp_subjects',
      'dp_releases',
      'dp_unsent',
      'dp_datasets',
    ];
    for (const table of tables) {
      const rows = await db.query(sql`SELECT t::text FROM ${sql.ident(table)} AS t`);
      const text = JSON.stringify(rows);
      for (const value of ['987654', '12345', '123.45']) expect(text).not.toContain(value);
    }
  });

  test('keeps what cannot count as a dead letter, and goes on', async () => {
    const one = await worker();
    const gone = decoded('delete', {}, plain());
    const record = changeRecord(plain(), {
      ...gone,
      key: { id: 1n },
      sealed: null,
    }) as WindowRow['record'];
    const bad = { record, log: '7000/slot', position: gone.position };
    await one.close({ ...ordered('2026-11-03', []), rows: [bad] });
    expect(one.letters.values.map(({ refusal }) => refusal.reason)).toEqual(['missing-base']);
    expect(one.sent().length).toBeGreaterThan(0);
  });
});

describe('a dataset of short windows', () => {
  test('begins with an hour, and goes on without a gap', async () => {
    const queries = [{ name: 'orders', kind: 'count', column: null, share: 1 }] as const;
    const one = await worker({ window: 900, queries });
    const quarter = indexOf('2026-11-03') * 96;
    for (const at of [2, 7]) await one.close({ ...week[2]!, index: quarter + at });
    const windows = one.sent().filter(({ span }) => span === 'window');
    const quarters = windows.map(({ from }) => (from / day) * 96 - quarter);
    expect(quarters.map(Math.round)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('a window that comes in parts', () => {
  const busy = ordered(
    '2026-11-03',
    Array.from({ length: 40 }, (_, at) => ({ customer: at % 9, amount: `${at}.00` })),
  );
  const quiet = ordered('2026-11-04', []);
  const asked = { contribution: { windows: 31, rows: 3 } };

  test('is published as if it had come whole, and after a crash between two of them', async () => {
    const one = await worker(asked);
    for (const window of [busy, quiet]) await one.close(window);
    await forget();
    const rows = busy.rows.toReversed();
    const parts = [rows.slice(0, 13), rows.slice(13, 30), rows.slice(30)];
    const came: string[] = [];
    for (const [at, part] of parts.entries()) {
      const next = await worker(asked); // The one before was killed.
      await next.close({ ...busy, rows: part, isLast: at === 2 });
      came.push(...next.bytes());
    }
    const last = await worker(asked);
    await last.close(quiet);
    expect([...came, ...last.bytes()]).toEqual(one.bytes());
    expect(await db.query(sql`SELECT * FROM dp_parts`)).toEqual([]);
  });
});

describe('a window in parts of more subjects than are held at a time', () => {
  const crowd = ordered(
    '2026-11-03',
    Array.from({ length: 2_500 }, (_, at) => ({ customer: at % 2_100, amount: `${at % 97}.00` })),
  );

  test('is read some subjects at a time, and published as if it had come whole', async () => {
    const one = await worker();
    await one.close(crowd);
    await forget();
    const next = await worker();
    await next.close({ ...crowd, rows: crowd.rows.slice(0, 2_400), isLast: false });
    const pages: number[] = [];
    for await (const page of next.state.openPages(db))
      pages.push(new Set(page.map(({ name }) => name)).size);
    expect(pages).toEqual([1_000, 1_000, 100]);
    await next.close({ ...crowd, rows: crowd.rows.slice(2_400) });
    expect(next.bytes()).toEqual(one.bytes());
  });
});

describe('after a crash', () => {
  const points = [0, 1, 2].flatMap((at) =>
    (['closed', 'saved', 'sent'] as const).map((until) => [at, until] as const),
  );

  test('at any moment the same bytes come, none of them is missing, and no more is spent', async () => {
    const wanted = (await whole()).bytes();
    const spent = await accounts(db);
    for (const [at, until] of points) {
      await forget();
      const first = await worker();
      for (const window of week.slice(0, at)) await first.close(window);
      await first.close(week[at]!, until);
      const second = await worker();
      for (const window of week.slice(until === 'closed' ? at : at + 1)) await second.close(window);
      const came = [...first.bytes(), ...second.bytes()];
      expect(came).toEqual(wanted);
      expect(await accounts(db)).toEqual(spent);
    }
  });

  test('what was sent, and not known to be, is sent once more as it was', async () => {
    const first = await worker();
    first.noisy.before = () => {
      throw new Error('Kafka took it, and the worker died');
    };
    await expect(first.close(week[0]!)).rejects.toThrow('died');
    const second = await worker();
    const third = await worker();
    expect(second.bytes().length).toBeGreaterThan(0);
    expect(third.bytes()).toEqual([]);
  });
});

describe('windows that come once more', () => {
  test('are the same bytes, and spend nothing', async () => {
    const wanted = (await whole()).bytes();
    const spent = await accounts(db);
    const again = await whole();
    expect(again.bytes()).toEqual(wanted);
    expect(again.withheld).toEqual([]);
    expect(await accounts(db)).toEqual(spent);
  });

  test('of other inputs are withheld, and what follows for the first time goes on as if nothing had been', async () => {
    const next = ordered('2026-11-07', [{ customer: 9, amount: '1.00' }]);
    const one = await whole();
    const sent = one.bytes().length;
    await one.close(next);
    await forget();
    await whole();
    const again = await worker();
    const more = [
      ...(week[0]?.rows ?? []),
      ...ordered('2026-11-03', [{ customer: 9, amount: '5.00' }]).rows,
    ];
    for (const window of [{ ...week[0]!, rows: more }, week[1]!, week[2]!])
      await again.close(window);
    expect(again.sent()).toEqual([]);
    expect(again.withheld).toContain('orders 2026-11 second-release');
    expect(again.withheld).toHaveLength(4 * 4);
    await again.close(next);
    expect(one.bytes().slice(sent)).toEqual(again.bytes());
  });
});

describe('a promise that changes within a month', () => {
  const december = [
    ordered('2026-11-30', []),
    ordered('2026-12-01', [{ customer: 7, amount: '9.00' }]),
  ];

  test('finds the budget spent: nothing is published under it before the next month', async () => {
    await whole();
    const other = await worker({ epsilon: 4 });
    for (const window of december) await other.close(window);
    expect(other.sent().every(({ from }) => from >= indexOf('2026-12-01') * day)).toBe(true);
    expect(other.sent().filter(({ query }) => query === 'orders')).toMatchObject([
      { span: 'window', epsilon: 4 },
      { span: 'month' },
      { span: 'total', from: indexOf('2026-12-01') * day },
    ]);
    expect(other.withheld.filter((text) => text === 'orders 2026-11 budget')).toHaveLength(24);
    const [, november] = await accounts(db);
    expect(november).toMatchObject({ month: '2026-11', spent: 1_000_000_000n, withheld: 24 * 4 });
  });

  test('may add a query where some of the budget is left, and the others go on as they were', async () => {
    const some = plain().dp?.queries.slice(0, 2) ?? [];
    await whole({ queries: some });
    const more = await worker({ queries: plain().dp?.queries.slice(0, 3) ?? [] });
    await more.close(december[0]!);
    const month = more.sent().filter(({ span, query }) => span === 'month' && query !== 'revenue');
    expect(month.find(({ query }) => query === 'orders')?.from).toBe(indexOf('2026-11-03') * day);
    expect(month.find(({ query }) => query === 'basket')?.from).toBe(indexOf('2026-11-07') * day);
    expect(await accounts(db)).toMatchObject([{ spent: 750_000_000n, withheld: 0 }]);
  });
});

describe('who counts in more windows than it may', () => {
  test('does not count in the others, over restarts too, and counts again in the next month', async () => {
    const days = ['2026-11-03', '2026-11-04', '2026-11-05', '2026-12-01'];
    const asked = { contribution: { windows: 2, rows: 2 } };
    const sums = async (customers: readonly number[]) => {
      await forget();
      const values: number[] = [];
      for (const date of days) {
        const one = await worker(asked);
        await one.close(
          ordered(
            date,
            customers.map((customer) => ({ customer, amount: '1.00' })),
          ),
        );
        const window = one
          .sent()
          .findLast(({ query, span }) => query === 'orders' && span === 'window');
        values.push(Number(window?.value));
      }
      return values;
    };
    const empty = await sums([]);
    const full = await sums([7, 7, 7]);
    expect(full.map((value, at) => value - (empty[at] ?? 0))).toEqual([2, 2, 0, 2]);
  });
});
