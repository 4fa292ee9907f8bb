import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import { schemaTopic, tableOf, transactionsTopic } from '../../../contracts/topics.ts';
import { Watch } from '../../../pipelines/backfill/touched.ts';
import type { Refused } from '../../../pipelines/flow/stage.ts';
import { type OpeningParts, openings } from '../../../pipelines/wal/opening.ts';
import { Outbox } from '../../../pipelines/wal/outbox.ts';
import { Relations } from '../../../pipelines/wal/relations.ts';
import { SpillRoom } from '../../../pipelines/wal/spill.ts';
import { Transactions } from '../../../pipelines/wal/transactions.ts';
import { tokeniser } from '../../../processors/tokens.ts';
import type { KeptChange } from '../../../processors/transcode/kept-change.ts';
import { type Captured, Output } from '../../../processors/transcode/output.ts';
import { SlabPool } from '../../../processors/transcode/slab-pool.ts';
import {
  TransactionLog,
  transactionSchema,
} from '../../../processors/transcode/transaction-log.ts';
import type { Change, Decoded } from '../../../schemas/change.ts';
import { compare } from '../../../schemas/position.ts';
import { decodeValues, encodeValues } from '../../../schemas/secret.ts';
import { decodeChange, schemaIdOf } from '../../../schemas/wire.ts';
import { MemoryKeyring } from '../../processors/memory-keyring.ts';
import { type Carried, carriedIn, isRecords } from './carried.ts';
import { MemoryForms } from './memory-forms.ts';
import { MemoryRegistry } from './memory-registry.ts';

/** Where a test's transactions wait. */
export const spillDirectory = mkdtempSync(join(tmpdir(), 'conductor-spill-'));
afterAll(() => rmSync(spillDirectory, { recursive: true }));

export interface Setting {
  readonly contracts?: readonly TableContract[];
  readonly lanes?: number;
  readonly limitBytes?: number;
  readonly at?: bigint;
  readonly watermark?: number;
  readonly onIncompatible?: OpeningParts['onIncompatible'];
  readonly spillRoom?: SpillRoom;
  readonly registry?: MemoryRegistry;
  readonly forms?: MemoryForms;
  readonly keyring?: MemoryKeyring;
}

/** A change as its topic has it, and the text of its record's key. */
export type Told = Change & { readonly recordKey: string | null };

/** What capture made of messages: what readers of each topic see, and what was refused. */
export interface Made {
  readonly changes: readonly Told[]; // In the order of their positions.
  readonly letters: readonly Refused<Decoded>[];
  readonly transactions: readonly Carried[];
  readonly forms: readonly Carried[];
  readonly carried: readonly Carried[];
}

/** All of capture but its two ends: pgoutput messages in, the records of topics out. */
export async function capturing(setting: Setting = {}) {
  const {
    contracts = [],
    lanes = 3,
    registry = new MemoryRegistry(),
    forms = new MemoryForms(),
    keyring = new MemoryKeyring(),
    onIncompatible = 'letters',
  } = setting;
  const told = {
    erased: 0,
    alarms: [] as string[],
    drifts: [] as string[],
    topics: [] as string[],
  };
  const output = new Output(new SlabPool());
  const watch = new Watch();
  const tables = new Map(contracts.map((each) => [each.table, each]));
  const { id } = await registry.register(transactionsTopic('shop'), transactionSchema);
  const opening = await openings({
    succession: {
      mayFollow: async (_, { accepted }) => accepted,
      follow: async () => {},
    },
    database: 'shop',
    contracts: tables,
    registry,
    forms,
    encoding: {
      keyring,
      tokens: tokeniser(keyring),
      lanes,
      anyBytes: false,
      erased: () => void told.erased++,
    },
    output,
    limitOf: () => setting.limitBytes ?? 1_000_000,
    onIncompatible,
    ensureTopic: async (topic) => void told.topics.push(topic),
    alarm: (_, message) => void told.alarms.push(message),
    drifted: (_, message) => void told.drifts.push(message),
  });
  const relations = new Relations(tables, opening);
  const outbox = new Outbox(contracts, opening, output);
  const transactions = new Transactions(
    {
      system: '7000',
      log: 'ig_slot',
      lanes,
      timelineOf: (lsn) => (lsn < 1_000_000n ? 1 : 2),
    },
    {
      relations,
      output,
      transactionLog: new TransactionLog(
        output.lanes(transactionsTopic('shop'), lanes),
        id,
        output,
      ),
      outbox,
      forms,
      spillRoom: setting.spillRoom ?? new SpillRoom(spillDirectory),
      watch,
      bases: null,
    },
    { at: setting.at ?? 0n, watermark: setting.watermark ?? 0 },
  );

  return {
    transactions,
    relations,
    outbox,
    opening,
    registry,
    forms,
    keyring,
    output,
    watch,
    told,
    /** A value as its registered schema has it. */
    read: ({ value }: Carried) =>
      registry.type(schemaIdOf(value)!)!.fromBuffer(value.subarray(5)) as Json,
    /** Takes messages as the source does: each lies in a buffer that is written over afterwards. */
    take: async (...messages: readonly Buffer[]): Promise<void> => {
      for (const message of messages) {
        const gulp = Buffer.concat([Buffer.from('before'), message, Buffer.from('after')]);
        await transactions.take(gulp, 6, 6 + message.length);
        if (transactions.hasReplay) for await (const _ of transactions.replay()) continue;
        gulp.fill(0xee);
      }
    },
    /** What was made since it was last asked. */
    made: (): Made => madeFrom(output.take().values, registry),
  };
}

function madeFrom(values: readonly Captured[], registry: MemoryRegistry): Made {
  const carried = values.filter(isRecords).flatMap(carriedIn);
  const of = (name: string) => carried.filter(({ topic }) => topic === name);
  const [transactions, forms] = [of(transactionsTopic('shop')), of(schemaTopic('shop'))];
  const changeOf = ({ topic, lane, key, value }: Carried): Told => ({
    ...decodeChange(registry.type(schemaIdOf(value)!)!, value, { table: tableOf(topic), lane }),
    recordKey: key,
  });
  return {
    carried,
    transactions,
    forms,
    changes: carried
      .filter((each) => !transactions.includes(each) && !forms.includes(each))
      .map(changeOf)
      .sort((a, b) => compare(a.position, b.position)),
    letters: values.flatMap((each) => (isRecords(each) ? [] : [letterOf(each)])),
  };
}

/** What a letter keeps, which is written like all that is sealed. */
function letterOf({ value: { payload }, refusal }: Refused<KeptChange>): Refused<Decoded> {
  const value = decodeValues(payload.toString()) as Decoded;
  if (encodeValues(value) !== payload.toString())
    throw new Error('a letter keeps its change in other bytes than `encodeValues` would write');
  return { value, refusal };
}

type Json = Readonly<Record<string, unknown>>;

/** What capture makes of messages, taken at once. */
export async function madeOf(setting: Setting, ...messages: readonly Buffer[]): Promise<Made> {
  const { take, made } = await capturing(setting);
  await take(...messages);
  return made();
}
