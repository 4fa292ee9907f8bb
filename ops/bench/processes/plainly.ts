import { parseArgs } from 'node:util';
import { loadConfig } from '../../../contracts/config.ts';
import { registryAt } from '../../../contracts/registry.ts';
import { deliver } from '../../../pipelines/deliver.ts';
import { endsOf } from '../../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { learning } from '../../../pipelines/topic/learning.ts';
import { TopicSource } from '../../../pipelines/topic/source.ts';
import { plainSinks } from '../plain-sinks.ts';

/**
 * Takes a governed topic where somebody who wrote the last step by hand would bring it, over the same end as
 * deliver, and ends where the topic ended. All that differs from deliver is how it writes.
 */
const { values: flags } = parseArgs({
  options: {
    config: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    way: { type: 'string', default: '' },
    url: { type: 'string', default: '' },
  },
});
const open = plainSinks.get(flags.way);
if (!open) throw new TypeError(`there is no way ${flags.way}`);
const config = await loadConfig(flags.config);
const kafka = kafkaOptions(config, `bench-${flags.way}`);
const registry = registryAt(config.registry.url);
const { sink: rest, batching } = await open({ url: flags.url, config });
await using closing = rest;
await using governed = new TopicSource({
  kafka,
  group: `bench.${flags.way}`,
  topics: [flags.topic],
  until: await endsOf(kafka, [flags.topic]),
  prepare: learning(registry),
  assigned: () => Promise.resolve(),
  lost: () => {},
});
const letters = {
  name: 'letters',
  write: () => Promise.reject(new Error(`${closing.name} refused a change`)),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
const { inFlightValues: values, inFlightBytes: bytes } = config.worker;
await deliver({ governed, rest, letters }, registry, {
  pulling: { room: { values, bytes }, signal: new AbortController().signal },
  batching,
}).forEach(() => {});
