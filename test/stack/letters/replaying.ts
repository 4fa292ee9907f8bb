import { randomBytes } from 'node:crypto';
import { sql } from '@databases/pg';
import { expect } from 'vitest';
import { loadConfig } from '../../../contracts/config.ts';
import { changesTopic } from '../../../contracts/topics.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import { loadTransform } from '../../../ops/letters/load-transform.ts';
import { withLetters } from '../../../ops/letters/open-letters.ts';
import { replayLetters } from '../../../ops/letters/replay-letters.ts';
import { waiveLetters } from '../../../ops/letters/waive-letters.ts';
import { ensureTopics } from '../../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { findLetters, type FoundLetter, type LetterFilter } from '../../../replay/letter-search.ts';
import type { ReplayJob } from '../../../replay/replay-jobs.ts';
import type { ReplayPlan } from '../../../replay/replay-plan.ts';
import { testTables } from '../way/tables.ts';
import { openWay, type RawConfig, type Way } from '../way/way.ts';
import type { Ended } from '../way/worker.ts';

/** A way with letters, a log to sign in, and what is asked of it. */
export interface Letters extends AsyncDisposable {
  readonly way: Way;
  readonly configFile: string;
  /** Runs `conductor …` to its end. */
  run(...args: readonly string[]): Promise<Ended>;
  /** Runs pipelines one after the other, each up to where its log ends. */
  drain(...pipelines: readonly string[]): Promise<void>;
  /** What a command prints as JSON; it is to succeed. */
  json<T>(...args: readonly string[]): Promise<T>;
  /** Letters of a table, the oldest first. */
  list(table: string, filter?: LetterFilter): Promise<readonly FoundLetter[]>;
  hashOf(key: string): Promise<string>;
  /** Replays open letters, or waives them, without a process of its own. */
  replay(
    filter: LetterFilter,
    transform?: string,
  ): Promise<Pick<ReplayPlan, 'kinds'> & { readonly job: ReplayJob | null }>;
  waive(filter: LetterFilter): Promise<void>;
  /** Rows of the mirror. */
  mirrored(table: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Does something to the mirror. */
  inMirror(statement: string): Promise<void>;
}

export interface ReplayResult {
  readonly kinds: readonly Readonly<Record<string, unknown>>[] | null;
  readonly job: Readonly<Record<string, unknown>> | null;
}

/** Opens it; records of `people` of more than 64 kB are too large for their topic. */
export async function openLetters(change: (raw: RawConfig) => void = () => {}): Promise<Letters> {
  const way = await openWay(testTables.filter(({ name }) => name !== 'lines'));
  const topic = {
    name: changesTopic(way.name, `${way.name}.people`),
    partitions: 12,
    configs: { 'max.message.bytes': `${64 * 1024}` },
  };
  await ensureTopics(kafkaOptions(way.config, 'test'), [topic], 1);
  const configFile = await way.variant((raw) => {
    raw['provenance'] = {
      signingKey: randomBytes(32).toString('hex'),
      origin: `test/${way.name}`,
      topic: `provenance.${way.name}`,
    };
    change(raw);
  });
  const config = await loadConfig(configFile);
  const mirror = openDatabase(way.urls.mirror);
  const run: Letters['run'] = (...args) => way.start(args, configFile).ended;
  const json = async <T>(...args: readonly string[]): Promise<T> => {
    const { code, stdout, stderr } = await run(...args, '--json');
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
    return JSON.parse(stdout) as T;
  };
  return {
    way,
    configFile,
    run,
    json,
    async drain(...pipelines) {
      for (const pipeline of pipelines) {
        const { code, stderr } = await run('run', pipeline, '--until-current');
        expect(code, `${pipeline}: ${stderr}`).toBe(0);
      }
    },
    async list(table, filter = {}) {
      const wanted = { table: `${way.name}.${table}`, states: ['open'] as const, ...filter };
      const found = await withLetters(config, ({ db }) => findLetters(db, wanted, 100_000));
      return found.toReversed();
    },
    hashOf: (key) => withLetters(config, async ({ hash }) => hash(key)),
    replay: (filter, transform) =>
      withLetters(config, async (opened) => {
        const order = { who: 'a test', rate: null, told: () => {} };
        const made = transform === undefined ? null : await loadTransform(transform);
        const wanted = { states: ['open'] as const, ...filter };
        const done = await replayLetters(opened, { ...order, filter: wanted, transform: made });
        return { kinds: done.plan.kinds, job: done.replayed?.job ?? null };
      }),
    waive: (filter) =>
      withLetters(config, async (opened) => {
        await waiveLetters(opened, { who: 'a test', why: 'for a test', filter });
      }),
    mirrored: async (table) =>
      (await mirror.query(sql`
        SELECT * FROM ${sql.ident(way.name, table)} ORDER BY id`)) as readonly Record<
        string,
        unknown
      >[],
    async inMirror(statement) {
      await mirror.query(sql.__dangerous__rawValue(statement));
    },
    async [Symbol.asyncDispose]() {
      await mirror.dispose();
      await way[Symbol.asyncDispose]();
    },
  };
}
