import type { Config } from '../../contracts/config.ts';
import { provenanceTopicSettings } from '../../contracts/topics.ts';
import { type Brokers, lookAtTopics } from '../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { failed, type Finding, ok } from './finding.ts';

/** Looks at the topic of the log of all that is proved, where there is to be one. */
export async function checkProvenance(config: Config): Promise<readonly Finding[]> {
  if (!config.provenance) return [];
  const { topic } = config.provenance;
  return logTopicFindings(topic, await lookAtTopics(kafkaOptions(config, 'check'), [topic]));
}

/** What is wrong with the topic of a log: it is one lane, and nothing of it is ever forgotten. */
export function logTopicFindings(
  topic: string,
  { topics }: Pick<Brokers, 'topics'>,
): readonly Finding[] {
  const found = topics.get(topic);
  if (!found) return [ok('provenance', `topic ${topic} will be made`)];
  const { configs, partitions } = provenanceTopicSettings(topic);
  const trouble = (what: string, fix: string) =>
    failed('provenance', { what, where: `topic ${topic}`, fix });
  const findings = Object.entries(configs)
    .filter(([key, wanted]) => found.configs.get(key) !== wanted)
    .map(([key, wanted]) =>
      trouble(
        `it has ${key}=${found.configs.get(key) ?? ''}: entries of the log would be forgotten, and what is left is no log`,
        `set ${key}=${wanted} of the topic, with kafka-configs --alter`,
      ),
    );
  if (found.partitions !== partitions)
    findings.push(
      trouble(
        `it has ${found.partitions} partitions, and the order of a log is that of one`,
        'name another with provenance.topic; one that is not there is made',
      ),
    );
  return findings.length > 0 ? findings : [ok('provenance', `the log is in topic ${topic}`)];
}
