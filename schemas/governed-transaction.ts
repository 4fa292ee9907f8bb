import type { Type } from 'avsc';
import { frame, type Registered } from './wire.ts';

/** What readers will see of a transaction of the source: how many governed records of each table. */
export interface GovernedTransaction {
  readonly system: string;
  readonly log: string;
  readonly timeline: number;
  readonly lsn: bigint; // Of its commit.
  readonly transaction: number;
  readonly committedAt: number;
  readonly watermark: number;
  readonly tables: readonly { readonly table: string; readonly records: number }[];
}

/**
 * The schema of `gov.<db>.transactions`. What was withheld or refused is not counted; a changed key is two records
 * and a truncate one in each lane. A transaction of which nothing is to be seen has no record.
 */
export const governedTransactionSchema = {
  type: 'record',
  name: 'GovernedTransaction',
  namespace: 'conductor',
  fields: [
    { name: 'system', type: 'string' },
    { name: 'log', type: 'string' },
    { name: 'timeline', type: 'int' },
    { name: 'lsn', type: 'long' },
    { name: 'transaction', type: 'long' },
    { name: 'committedAt', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'watermark', type: { type: 'long', logicalType: 'timestamp-micros' } },
    {
      name: 'tables',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Governed',
          fields: [
            { name: 'table', type: 'string' },
            { name: 'records', type: 'int' },
          ],
        },
      },
    },
  ],
} as const;

export const encodeTransaction = (schema: Registered, told: GovernedTransaction): Buffer =>
  frame(schema, {
    ...told,
    transaction: BigInt(told.transaction),
    committedAt: BigInt(told.committedAt),
    watermark: BigInt(told.watermark),
  });

export function decodeTransaction(type: Type, value: Buffer): GovernedTransaction {
  const told = type.fromBuffer(value.subarray(5)) as GovernedTransaction;
  return {
    system: told.system,
    log: told.log,
    timeline: told.timeline,
    lsn: BigInt(told.lsn),
    transaction: Number(told.transaction),
    committedAt: Number(told.committedAt),
    watermark: Number(told.watermark),
    tables: told.tables.map(({ table, records }) => ({ table, records })),
  };
}
