import { setTimeout as wait } from 'node:timers/promises';
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import type { Type } from 'avsc';
import { avroOptions } from '../schemas/avro.ts';
import type { Registered } from '../schemas/wire.ts';
import { CannotRun, NotNow, publicUrl } from './cannot-run.ts';

/** The schemas that the whole stream agrees on. */
export interface Registry {
  /**
   * Registers a topic's value schema, or finds it there; rejects with `IncompatibleSchema` if the topic's
   * rule forbids it. Who has `accepted` it overrules the rule, this once.
   */
  register(topic: string, schema: object, accepted?: 'accepted'): Promise<Registered>;

  /** Fetches those of `ids` that are not known yet; rejects with `UnknownSchema` if one is not registered. */
  learn(ids: Iterable<number>): Promise<void>;

  /** A schema that was learnt. */
  type(id: number): Type | undefined;
}

/** The compatibility rule of a topic forbids a schema: what was written before could not be read with it. */
export class IncompatibleSchema extends CannotRun {}

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

  const registered = new Map<string, Promise<Registered>>(); // Two that ask at once get one answer.
  const idOf = async (topic: string, schema: object, accepted?: 'accepted') => {
    if (accepted) await setRule(url, topic, COMPATIBILITY.NONE);
    const compatibility = accepted ? COMPATIBILITY.NONE : COMPATIBILITY.BACKWARD;
    const ask = () =>
      client.register(
        { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
        { subject: `${topic}-value`, compatibility },
      );
    try {
      const { id } = await unlessAtOnce(ask).catch(async (error: unknown) => {
        if (!isWithoutRule(error)) throw error;
        await setRule(url, topic, compatibility);
        return ask();
      });
      return id;
    } catch (cause) {
      throw registryTrouble(cause, url, `the schema of ${topic} cannot be registered`);
    } finally {
      if (accepted) await setRule(url, topic, COMPATIBILITY.BACKWARD);
    }
  };
  const register = async (topic: string, schema: object, accepted?: 'accepted') => {
    const id = await idOf(topic, schema, accepted);
    if (!known.has(id)) await fetchType(id);
    const type = known.get(id);
    if (!type) throw new Error(`schema ${id} was registered and is not there`);
    return { id, type };
  };

  return {
    register(topic, schema, accepted) {
      const name = `${topic} ${JSON.stringify(schema)}`;
      const known = registered.get(name);
      if (known) return known;
      const asked = register(topic, schema, accepted);
      registered.set(name, asked);
      asked.catch(() => registered.delete(name));
      return asked;
    },
    async learn(ids) {
      for (const id of ids) if (!known.has(id)) await fetchType(id);
    },
    type: (id) => known.get(id),
  };
}

/** Tries again where another process has set the same topic's rule at the same moment. */
async function unlessAtOnce<T>(register: () => Promise<T>, tries = 8): Promise<T> {
  try {
    return await register();
  } catch (error) {
    const atOnce =
      error instanceof Error &&
      /already exists|does not match the configuration/i.test(error.message);
    if (!atOnce || tries === 1) throw error;
    await wait(50 + Math.random() * 100);
    return unlessAtOnce(register, tries - 1);
  }
}

/** Whoever wrote a topic's first schema, or accepted one, was killed before it set the rule: nobody else will. */
const isWithoutRule = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('(BACKWARD != NONE)');

/** Sets the compatibility rule of a topic's values. */
async function setRule(url: string, topic: string, compatibility: COMPATIBILITY): Promise<void> {
  const answer = await fetch(
    `${url.replace(/\/$/, '')}/config/${encodeURIComponent(`${topic}-value`)}`,
    {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility }),
    },
  );
  if (!answer.ok)
    throw registryTrouble(
      new Error(`HTTP ${answer.status}`),
      url,
      `the compatibility rule of ${topic} cannot be set`,
    );
}

function registryTrouble(cause: unknown, url: string, what: string): CannotRun {
  const message = cause instanceof Error ? cause.message : String(cause);
  const where = `registry.url = ${publicUrl(url)}`;
  const answered = typeof cause === 'object' && cause !== null && 'status' in cause;
  const incompatible = answered && cause.status === 409;
  if (incompatible)
    return new IncompatibleSchema(
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
