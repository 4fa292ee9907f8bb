import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { StackTrouble } from './stack-trouble.ts';
import { type Part, parts, type Stack } from './stack.ts';

/** What is remembered of one native part between two commands. */
export interface PartRecord {
  readonly ports: readonly number[];
  /** Null once it was stopped on purpose. */
  readonly process: { readonly pid: number; readonly started: string } | null;
}

/** The content of stack.json. */
export interface StackRecord {
  readonly stack: Stack;
  readonly parts: Readonly<Record<Part, PartRecord>>;
}

const account = { user: z.string(), password: z.string() };
const partRecord = z.object({
  ports: z.array(z.number().int()).min(1),
  process: z.object({ pid: z.number().int(), started: z.string() }).nullable(),
});
const shape = z.object({
  stack: z.object({
    postgres: z.object({ host: z.string(), port: z.number().int(), ...account }),
    kafka: z.object({ brokers: z.array(z.string()) }),
    registry: z.object({ url: z.string() }),
    neo4j: z.object({ url: z.string(), ...account }),
    clickhouse: z.object({ url: z.string(), ...account }),
  }),
  parts: z.object({
    postgres: partRecord,
    kafka: partRecord,
    registry: partRecord,
    neo4j: partRecord,
    clickhouse: partRecord,
  }),
});

/** Reads stack.json; null if there is none. */
export async function readRecord(path: string): Promise<StackRecord | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new StackTrouble(`${path} does not describe a stack; remove it and run: conductor up`, {
      cause,
    });
  }
}

/** Replaces stack.json as a whole, readable by its owner only: it holds passwords. */
export async function writeRecord(path: string, record: StackRecord): Promise<void> {
  const next = `${path}.${process.pid}`;
  await writeFile(next, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(next, path);
}

/** Describes a stack that has never run: these ports, new passwords. */
export function newRecord(ports: Readonly<Record<Part, readonly number[]>>): StackRecord {
  const secret = () => randomBytes(16).toString('hex');
  const blank = {
    postgres: { host: '127.0.0.1', port: 0, user: 'postgres', password: secret() },
    kafka: { brokers: [] },
    registry: { url: '' },
    neo4j: { url: '', user: 'neo4j', password: secret() },
    clickhouse: { url: '', user: 'default', password: secret() },
  } satisfies Stack;
  const idle = (part: Part): PartRecord => ({ ports: ports[part], process: null });
  const record: StackRecord = {
    stack: blank,
    parts: {
      postgres: idle('postgres'),
      kafka: idle('kafka'),
      registry: idle('registry'),
      neo4j: idle('neo4j'),
      clickhouse: idle('clickhouse'),
    },
  };
  return parts.reduce((all, part) => withPart(all, part, all.parts[part]), record);
}

/** Changes one part, and the addresses that follow from its ports. */
export function withPart(record: StackRecord, part: Part, next: PartRecord): StackRecord {
  return {
    stack: readdress(record.stack, part, next.ports[0] ?? 0),
    parts: { ...record.parts, [part]: next },
  };
}

function readdress(stack: Stack, part: Part, port: number): Stack {
  switch (part) {
    case 'postgres':
      return { ...stack, postgres: { ...stack.postgres, port } };
    case 'kafka':
      return { ...stack, kafka: { brokers: [`127.0.0.1:${port}`] } };
    case 'registry':
      return { ...stack, registry: { url: `http://127.0.0.1:${port}/apis/ccompat/v7` } };
    case 'neo4j':
      return { ...stack, neo4j: { ...stack.neo4j, url: `bolt://127.0.0.1:${port}` } };
    case 'clickhouse':
      return { ...stack, clickhouse: { ...stack.clickhouse, url: `http://127.0.0.1:${port}` } };
  }
}
