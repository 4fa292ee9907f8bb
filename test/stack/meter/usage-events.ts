import { createClient } from '@clickhouse/client';
import { clientOf } from '../way/records.ts';
import type { Way } from '../way/way.ts';

/** What a test says was used; the rest of its event is the same in all. */
export interface Said {
  readonly id: string;
  readonly tenant?: string;
  readonly unit?: string;
  readonly quantity?: number | string;
  readonly time?: string;
  readonly operation?: string;
  readonly corrects?: string;
}

/** A CloudEvent as somebody who meters writes it. */
export const usageEvent = ({
  id,
  tenant = 'acme',
  unit = 'graphql_call',
  quantity = 1,
  time,
  ...data
}: Said) =>
  JSON.stringify({
    specversion: '1.0',
    type: 'conductor.usage',
    source: '/test',
    id,
    subject: tenant,
    time: time ?? '2026-11-20T10:00:00Z',
    data: { unit, quantity, ...data },
  });

/** Sends records to the topic of usage, with a client that is not ours. */
export async function send(
  { stack }: Pick<Way, 'stack'>,
  topic: string,
  messages: readonly {
    readonly key?: string;
    readonly value: string;
    readonly partition?: number;
  }[],
): Promise<void> {
  const producer = clientOf(stack).producer();
  await producer.connect();
  try {
    await producer.send({
      topic,
      messages: messages.map(({ key = null, ...message }) => ({ key, ...message })),
    });
  } finally {
    await producer.disconnect();
  }
}

/** Asks the warehouse of a way. */
export async function ask<T>(
  { config }: Pick<Way, 'config'>,
  query: string,
): Promise<readonly T[]> {
  const at = config.sinks.clickhouse;
  if (!at) throw new Error('this way has no warehouse');
  const client = createClient({
    url: at.url,
    username: at.user,
    password: at.password,
    database: at.database,
  });
  try {
    return await (await client.query({ query, format: 'JSONEachRow' })).json<T>();
  } finally {
    await client.close();
  }
}
