import { expect, test } from 'vitest';
import { Dedupe } from '../../processors/dedupe.ts';
import { relogged, replayJobOf, replayLog } from '../../processors/replay-log.ts';
import { registryOf, changeRecord } from '../pipelines/records.ts';
import { decodeChange } from '../../schemas/wire.ts';
import { decoded, userRow, users } from './tables.ts';

const jobAt = (n: number) => `20261127t1200${String(n).padStart(2, '0')}-abcdef`;

test('a change in another log is the same but for its log, byte by byte', () => {
  const { email: _, ...after } = userRow;
  const change = { ...decoded('insert', { after }), sealed: Buffer.from('a box') };
  const { value } = changeRecord(users, change);
  const type = registryOf(users).type(1)!;
  const read = (bytes: Buffer) => decodeChange(type, bytes, { table: users.table, lane: 0 });
  const again = relogged(value!, (log) => replayLog(jobAt(1), log));
  expect(read(again)).toEqual({ ...read(value!), log: `replay-${jobAt(1)}.${change.log}` });
  expect(relogged(again, () => change.log)).toEqual(value);
});

test('what comes again a second time is of the later job alone', () => {
  const log = replayLog(jobAt(2), replayLog(jobAt(1), 'ig_slot'));
  expect(log).toBe(`replay-${jobAt(2)}.ig_slot`);
  expect(replayJobOf(log)).toBe(jobAt(2));
  expect(replayJobOf('ig_slot')).toBeNull();
});

test('a replayed change passes dedupe once, whatever its log had before, and marks keep the newest eight jobs', () => {
  const dedupe = new Dedupe();
  const admit = (log: string, lsn: bigint) =>
    dedupe.admit('t', 0, `7/${log}`, { timeline: 1, lsn, seq: 0, part: 0 });
  expect(admit('ig_slot', 9n)).toBe(true);
  for (let n = 0; n < 12; n++) {
    expect(admit(replayLog(jobAt(n), 'ig_slot'), 5n)).toBe(true);
    expect(admit(replayLog(jobAt(n), 'ig_slot'), 5n)).toBe(false);
  }
  const logs = Object.keys(dedupe.marks('t', 0));
  expect(logs.length).toBe(9);
  expect(logs).toContain('7/ig_slot');
  expect(logs.filter((log) => log.includes(jobAt(3)))).toEqual([]);
  expect(logs).toContain(`7/replay-${jobAt(4)}.ig_slot`);
});
