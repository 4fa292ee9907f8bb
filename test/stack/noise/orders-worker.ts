import { createSecretKey, hash } from 'node:crypto';
import type { ConnectionPool } from '@databases/pg';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Dp } from '../../../contracts/dp.ts';
import type { Refused } from '../../../pipelines/flow/stage.ts';
import { NoiseState, type Published } from '../../../pipelines/noise/noise-state.ts';
import { NoiseWindows } from '../../../pipelines/noise/noise-windows.ts';
import type { Received } from '../../../pipelines/topic/received.ts';
import type { ClosedWindow, WindowRow } from '../../../pipelines/windows/closed-window.ts';
import { planOf } from '../../../processors/noise/plan.ts';
import type { Noisy } from '../../../schemas/noisy.ts';
import { ListSink } from '../../doubles.ts';
import { changeRecord, registryOf } from '../../pipelines/records.ts';
import { orders } from '../../processors/noise/orders.ts';
import { decoded } from '../../processors/tables.ts';

export const day = 86_400_000_000;
export const indexOf = (text: string) => (Date.parse(text) * 1_000) / day;
const key = createSecretKey(hash('sha256', 'noise', 'buffer'));

/** Orders whose amount is nobody's secret, so that records need no key. */
export function plain(asked: Partial<Dp> = {}): TableContract {
  const contract = orders(asked);
  const columns = contract.columns.map((each) => ({
    ...each,
    classification: 'internal' as const,
  }));
  return { ...contract, columns };
}

interface Order {
  readonly customer: number;
  readonly amount: string;
}

/** A day in which customers ordered. */
export function ordered(date: string, made: readonly Order[]): ClosedWindow {
  const index = indexOf(date);
  const rows = made.map(({ customer, amount }, at): WindowRow => {
    const after = { id: BigInt(at), tenant_id: 1n, customer_id: BigInt(customer), status: 'open' };
    const came = decoded('insert', { after: { ...after, amount } }, plain());
    const change = { ...came, position: { ...came.position, lsn: BigInt(10 + at) } };
    const record = changeRecord(plain(), { ...change, sealed: null }, BigInt(at));
    return { record: record as WindowRow['record'], log: '7000/slot', position: change.position };
  });
  return { index, isLast: true, endMicros: (index + 1) * day, rows, refused: [] };
}

/** A worker of the dataset, and what it has sent. */
export async function workerOf(db: ConnectionPool, asked: Partial<Dp> = {}) {
  const contract = plain(asked);
  const plan = planOf('shop', contract);
  if (!plan) throw new Error('orders ask for something');
  const state = new NoiseState(plan.dataset, key);
  const noisy = new ListSink<Published>();
  const letters = new ListSink<Refused<Received>>();
  const withheld: string[] = [];
  const windows = new NoiseWindows({
    plan,
    key,
    noisy,
    letters,
    registry: registryOf(contract),
    state,
    open: () => ({ before: null, after: null }),
    encode: (value) => ({
      key: Buffer.from(`${value.query}/${value.bucket}/${value.span}`),
      value: Buffer.from(JSON.stringify(value)),
      endMs: value.to / 1_000,
    }),
    report: {
      published: () => {},
      leftOut: () => {},
      spent: () => {},
      withheld: ({ query }, month, reason) => void withheld.push(`${query} ${month} ${reason}`),
    },
  });
  await windows.restore(db);
  return {
    noisy,
    letters,
    withheld,
    state,
    async close(window: ClosedWindow, until: 'closed' | 'saved' | 'sent' = 'sent') {
      const decision = await windows.close(window);
      if (until !== 'closed') await db.tx((tx) => decision.save(tx));
      if (until === 'sent') await decision.send();
    },
    sent: () => noisy.values.map(({ value }) => JSON.parse(value.toString()) as Noisy),
    bytes: () =>
      noisy.values.map(({ key: name, value }) => `${name.toString()} ${value.toString()}`),
  };
}
