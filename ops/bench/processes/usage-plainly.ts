import { parseArgs } from 'node:util';
import { loadConfig } from '../../../contracts/config.ts';
import { into } from '../../../pipelines/flow/into.ts';
import { pull } from '../../../pipelines/flow/stage.ts';
import { endsOf } from '../../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import type { Received } from '../../../pipelines/topic/received.ts';
import { TopicSource } from '../../../pipelines/topic/source.ts';
import { askWarehouse } from '../ask-warehouse.ts';

/** Inserts usage straight into a table as it came, and leaves everything else to who reads: what somebody would write first. */
const { values: flags } = parseArgs({
  options: {
    config: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    table: { type: 'string', default: '' },
  },
});
const config = await loadConfig(flags.config);
const at = config.sinks.clickhouse;
if (!at) throw new TypeError('no ClickHouse is configured');
const kafka = kafkaOptions(config, 'bench-usage-plainly');
const query = `INSERT INTO ${flags.table} SETTINGS input_format_skip_unknown_fields = 1, date_time_input_format = 'best_effort' FORMAT JSONEachRow`;
const table = {
  name: flags.table,
  async write(batch: readonly Received[]) {
    const lines = batch.flatMap(({ value }) => (value ? [value, Buffer.from('\n')] : []));
    await askWarehouse(at, query, Buffer.concat(lines));
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
await using usage = new TopicSource({
  kafka,
  group: 'bench.usage-plainly',
  topics: [flags.topic],
  until: await endsOf(kafka, [flags.topic]),
  prepare: () => Promise.resolve(),
  assigned: () => Promise.resolve(),
  lost: () => {},
});
const { inFlightValues: values, inFlightBytes: bytes } = config.worker;
const room = { values: values * 6, bytes: bytes * 2 };
const refused = {
  next(): never {
    throw new TypeError('a plain table refuses nothing');
  },
};
await pull(usage, { room, signal: new AbortController().signal })
  .pipe(into(table, { size: 30_000, lingerMs: 250 }, refused))
  .forEach(() => {});
