import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import type { Type } from 'avsc';
import { avroOptions } from '../schemas/avro.ts';
import type { Registered } from '../schemas/wire.ts';
import { CannotRun, NotNow, publicUrl } from './cannot-run.ts';

/** The schemas that the whole stream agrees on. */
export interface Registry {
  /** Registers a topic's value schema, or finds it there. */
  register(topic: string, schema: object): Promise<Registered>;

  /** Fetches those of `ids` that are not known yet; rejects with `UnknownSchema` if one is not registered. */
  learn(ids: Iterable<number>): Promise<void>;

  /** A schema that was learnt. */
  type(id: number): Type | undefined;
}

/** A value names a schema that the registry does not have: its values cannot be read until it is back. */
export class UnknownSchema extends Error {
  override readonly name = 'UnknownSchema';
}

export function registryAt(url: string): Registry {
  const client = new SchemaRegistry({ host: url, retry: { retries: 2, maxRetryTimeInSecs: 5 } }, {
    [SchemaType.AVRO]: avroOptions,
  } as never);
  const known = new Map<number, Type>();

  const fetchType = async (id: number) => {
    try {
      const type = await client.getSchema(id);
      known.set(id, type as unknown as Type);
    } catch (cause) {
      if (!isMissing(cause)) throw registryTrouble(cause, url, `schema ${id} cannot be fetched`);
      throw new UnknownSchema(
        `schema ${id} is not registered at ${url}: point registry.url to the registry that the topic was written with, or restore it there`,
        { cause },
      );
    }
  };

  return {
    async register(topic, schema) {
      const { id } = await client
        .register(
          { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
          { subject: `${topic}-value`, compatibility: COMPATIBILITY.BACKWARD },
        )
        .catch((cause: unknown) => {
          throw registryTrouble(cause, url, `the schema of ${topic} cannot be registered`);
        });
      if (!known.has(id)) await fetchType(id);
      const type = known.get(id);
      if (!type) throw new Error(`schema ${id} was registered and is not there`);
      return { id, type };
    },
    async learn(ids) {
      for (const id of ids) if (!known.has(id)) await fetchType(id);
    },
    type: (id) => known.get(id),
  };
}

function registryTrouble(cause: unknown, url: string, what: string): CannotRun {
  const message = cause instanceof Error ? cause.message : String(cause);
  const where = `registry.url = ${publicUrl(url)}`;
  const answered = typeof cause === 'object' && cause !== null && 'status' in cause;
  const incompatible = answered && cause.status === 409;
  if (incompatible)
    return new CannotRun(
      {
        what: `${what}: it is not compatible with the one that is registered (${message})`,
        where,
        fix: 'change the contract so that old readers still read it, or give the database another name in topics',
      },
      { cause },
    );
  const fix = 'start the registry, or correct registry.url; on the embedded stack: conductor up';
  return new NotNow({ what: `${what}: ${message || 'it does not answer'}`, where, fix }, { cause });
}

const isMissing = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'status' in error && error.status === 404;
