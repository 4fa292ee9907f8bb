import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Config } from '../../contracts/config.ts';
import { usageTopicSettings } from '../../contracts/topics.ts';
import type { UnitCosts } from '../../contracts/unit-costs.ts';
import { lanesOfTenants } from '../../pipelines/meter/strays.ts';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { longestEvent, type UsageFault, usageOf } from '../../schemas/usage.ts';
import { type Outgoing, topicSink } from '../../sinks/topic.ts';
import { type Answer, errors, json } from '../api/answer.ts';
import { BadRequest, bodyOf } from '../api/body.ts';
import { kindOf } from '../api/error-kind.ts';
import { log } from '../log.ts';
import { readUnitCosts } from '../worker/open-meter.ts';
import { Crowded, Gathering } from './gathering.ts';

export const usagePath = '/v1/usage';

type Metering = NonNullable<Config['metering']>;

/** Takes usage from applications: one event or many at a time. What it has accepted, Kafka holds. */
export interface UsageDoor extends AsyncDisposable {
  answer(request: IncomingMessage): Promise<Answer>;
}

const types = new Set([
  'application/json',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
]);
const mostEvents = 10_000;
const mostWaiting = 100_000;
const eventBytes = 1024 * 1024;

export async function openUsageDoor(config: Config, metering: Metering): Promise<UsageDoor> {
  const units = await readUnitCosts(metering.unitCosts);
  const kafka = kafkaOptions(config, 'usage-door');
  const { partitions, replication } = config.kafka;
  await ensureTopics(kafka, [usageTopicSettings(metering.topic, partitions)], replication);
  const topic = topicSink<Outgoing>(kafka, metering.topic, (event) => event, eventBytes);
  const gathering = new Gathering(topic, mostWaiting);
  const laneOf = lanesOfTenants(partitions);
  return {
    async answer(request) {
      if (request.method !== 'POST') throw new BadRequest(405, 'say POST');
      const source = sourceOf(request, metering);
      if (source === null)
        return json(
          401,
          errors('UNAUTHENTICATED', 'send the key of a source: Authorization: Bearer …'),
          {
            'www-authenticate': 'Bearer realm="conductor usage"',
          },
        );
      const events = eventsIn(await bodyOf(request, metering.bodyBytes, types));
      const { accepted, refused } = sorted(events, {
        source,
        units,
        laneOf,
        topic: metering.topic,
      });
      if (accepted.length === 0) return json(422, { accepted: 0, refused });
      try {
        await gathering.write(accepted);
      } catch (error) {
        return unwritten(error);
      }
      return json(202, { accepted: accepted.length, refused });
    },
    [Symbol.asyncDispose]: () => topic[Symbol.asyncDispose](),
  };
}

/** Whose key a request bears. Only hashes of keys are known here. */
function sourceOf({ headers }: IncomingMessage, { sources }: Metering): string | null {
  const [, key] = /^Bearer +([^\s]+) *$/i.exec(headers.authorization ?? '') ?? [];
  if (key === undefined) return null;
  const digest = hash('sha256', key, 'hex');
  return sources.find(({ keySha256 }) => keySha256 === digest)?.source ?? null;
}

function eventsIn(body: Buffer): readonly unknown[] {
  let read: unknown;
  try {
    read = JSON.parse(body.toString());
  } catch {
    throw new BadRequest(400, 'the body is not JSON'); // The parser's words would quote it.
  }
  const events: readonly unknown[] = Array.isArray(read) ? read : [read];
  if (events.length === 0) throw new BadRequest(400, 'there is no event in the body');
  if (events.length > mostEvents)
    throw new BadRequest(413, `send no more than ${mostEvents} events at a time`);
  return events;
}

interface Door {
  readonly source: string;
  readonly units: UnitCosts;
  readonly laneOf: (tenant: string) => number;
  readonly topic: string;
}

/** What is wrong with which line of a batch. */
interface RefusedLine extends UsageFault {
  readonly line: number; // From 0 on.
}

/** The events that can be counted, as they go to the topic, and why the others cannot. */
function sorted(events: readonly unknown[], { source, units, laneOf, topic }: Door) {
  const accepted: Outgoing[] = [];
  const refused: RefusedLine[] = [];
  const terms = {
    decimals: (unit: string) => units.get(unit)?.decimals ?? null,
    now: Date.now() * 1_000,
  };
  for (const [line, event] of events.entries()) {
    const read = usageOf(event, terms);
    if (read.is === 'refused') refused.push({ line, field: read.field, fault: read.fault });
    else if (read.usage.source !== source)
      refused.push({ line, field: 'source', fault: 'is not the source of this key' });
    else {
      const value = Buffer.from(JSON.stringify(event));
      if (value.length > longestEvent) {
        refused.push({ line, field: 'event', fault: `is longer than ${longestEvent} bytes` });
        continue;
      }
      const key = Buffer.from(read.usage.tenant);
      accepted.push({ topic, partition: laneOf(read.usage.tenant), key, value, headers: {} });
    }
  }
  return { accepted, refused };
}

function unwritten(error: unknown): Answer {
  const again = { 'retry-after': '1' };
  if (error instanceof Crowded)
    return json(429, errors('CROWDED', 'too much waits to be written; send the same again'), again);
  log.error({ error: kindOf(error) }, 'usage could not be written');
  return json(
    503,
    errors('UNAVAILABLE', 'it is not known to be durable; send the same again'),
    again,
  );
}
