import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWay, type Way } from '../way/way.ts';
import { type Judge, judgeOf } from './judge.ts';
import { printSeed, seed } from './seed.ts';
import { faultTables } from './tables.ts';
import { type Writer, writerTo, writeUntil } from './workload.ts';

let way: Way;
let judge: Judge;
let writer: Writer;

beforeAll(async () => {
  printSeed();
  way = await openWay(faultTables);
  await way.drain('capture');
  judge = await judgeOf(way);
  writer = await writerTo(way.urls.source, { seed, schema: way.name, ddl: true });
});

afterAll(async () => {
  await writer?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

/** What is done twice after a kill is what Kafka had, and the checkpoint not. */
test.for([
  ['received:3', 'once'],
  ['delivering:2', 'once'],
  ['producing:2', 'once'],
  ['produced', 'twice'],
  ['checkpointing', 'twice'],
  ['checkpointed', 'once or twice'],
  ['acknowledged', 'once or twice'],
] as const)('kill -9 at %s loses nothing: all is there, sent %s', async ([failpoint, times]) => {
  const struck = way.start(['run', 'capture'], undefined, { CONDUCTOR_FAILPOINT: failpoint });
  const { signal, stderr } = await writeUntil(writer, struck.ended);
  expect(signal, stderr).toBe('SIGKILL');
  await way.drain('capture');
  const { all, once } = await judge.judge();
  const again = all.length - once.length;
  if (times === 'twice') expect(again).toBeGreaterThan(sentTwice);
  sentTwice = again;
});

let sentTwice = 0;
