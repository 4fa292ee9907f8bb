import { afterAll, beforeAll, expect, test } from 'vitest';
import { NotNow } from '../../../contracts/cannot-run.ts';
import {
  type Checkpoint,
  type Checkpoints,
  checkpointsAt,
} from '../../../pipelines/wal/checkpoint.ts';
import { type OwnDatabases, ownDatabases } from '../own-databases.ts';

let databases: OwnDatabases<'state'>;
let checkpoints: Checkpoints;

beforeAll(async () => {
  databases = await ownDatabases(['state']);
  checkpoints = await checkpointsAt(databases.urlOf('state'));
});

afterAll(async () => {
  await checkpoints?.[Symbol.asyncDispose]();
  await databases?.[Symbol.asyncDispose]();
});

const at: Checkpoint = {
  lsn: 0x1_0000_0000n,
  system: '7',
  timeline: 2,
  era: 1,
  watermark: 5,
  recovery: null,
};

/** A stream of its own, which stands at `at`. */
async function begun(stream: string): Promise<string> {
  await checkpoints.write(stream, { ...at, lsn: 0n });
  await checkpoints.write(stream, at);
  return stream;
}

test.for([
  ['further on', { lsn: at.lsn + 1n }],
  ['at the same place', {}],
  ['further on, on a later timeline', { lsn: at.lsn + 1n, timeline: 3 }],
  ['which begins anew', { lsn: 0n }],
  ['which begins anew, to be repaired', { lsn: 0n, recovery: 'repair' }],
  ['which begins anew on another server, in another era', { lsn: 0n, system: '8', era: 2 }],
] as const)('a checkpoint %s is recorded', async ([name, change]) => {
  const stream = await begun(name);
  await checkpoints.write(stream, { ...at, ...change });
  expect(await checkpoints.read(stream)).toEqual({ ...at, ...change });
});

test.for([
  ['of a place before', { lsn: 0xffff_ffffn }], // As text it would be after it.
  ['of a timeline that ended', { lsn: at.lsn + 1n, timeline: 1 }],
  ['of an era that ended', { lsn: at.lsn + 1n, era: 0 }],
  ['of another server', { lsn: at.lsn + 1n, system: '8' }],
] as const)('a checkpoint %s is not recorded, and its worker is told', async ([name, change]) => {
  const stream = await begun(name);
  const late = checkpoints.write(stream, { ...at, ...change });
  await expect(late).rejects.toThrow(/another worker has gone on with stream/);
  await expect(late).rejects.toBeInstanceOf(NotNow);
  expect(await checkpoints.read(stream)).toEqual(at);
});
