import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { anonymousTopic, changesTopic, governedTopic } from '../../../contracts/topics.ts';
import { seeded } from '../../../ops/demo/random.ts';
import { Auditor } from '../../pipelines/anonymity/auditor.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { countOf, readAll } from '../way/records.ts';
import { contractOf } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { chunksOf, datasetOf, truthsOf, type Version, visits } from './visits.ts';

const kills = Number(process.env['CONDUCTOR_KILLS'] ?? 20);
const patience = { timeout: 60_000, interval: 200 };

let way: Way;
let configFile: string;

beforeAll(async () => {
  way = await openWay([visits()]);
  configFile = await way.variant((config) => {
    config.source['heartbeat'] = 1;
    config.source['lingerMs'] = 1;
  });
});

afterAll(() => way?.[Symbol.asyncDispose]());

const run = (pipeline: string): Worker => way.start(['run', pipeline], configFile);

async function drain(pipeline: string, file = configFile): Promise<void> {
  const { code, stderr } = await way.start(['run', pipeline, '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
}

/** Writes versions of rows, and remembers what each said. */
function writer(versions: Map<number, Version>) {
  const random = seeded(seed);
  let next = 0;
  const countries = ['CH', 'DE', 'FR', 'JP', 'IN'] as const;
  const version = (id: number): string => {
    const person = random.chance(0.9) ? id % 150 : random.below(150);
    const said = { id, person, country: random.pick(countries), age: random.below(100) };
    // Most stay what they are: else nearly every update would be outside of its region.
    const age = random.chance(0.8) ? (person * 7) % 100 : said.age;
    const country = random.chance(0.8) ? countries[person % 5]! : said.country;
    versions.set(++next, { ...said, age, country });
    return `(${id}, 1, ${person}, '${country}', ${age}, 'mood ${random.below(3)}', ${next})`;
  };
  const put = (ids: readonly number[]) =>
    `INSERT INTO visits VALUES ${[...new Set(ids)].map(version).join(', ')}
     ON CONFLICT (id) DO UPDATE SET person = excluded.person, country = excluded.country,
       age = excluded.age, mood = excluded.mood, version = excluded.version`;
  const ids = (count: number) => Array.from({ length: count }, () => random.below(400));
  return {
    random,
    all: () => put(Array.from({ length: 300 }, (_, id) => id)),
    some: () =>
      random.chance(0.2)
        ? `DELETE FROM visits WHERE id IN (${ids(5).join(', ')})`
        : put(ids(1 + random.below(20))),
  };
}

const versions = new Map<number, Version>();
const write = writer(versions);

test('windows close though most lanes are idle and the database is quiet, and nobody else minds the heartbeats', async () => {
  await way.commit(write.all()); // They are copied, and not streamed.
  await drain('capture');
  await using _ = run('capture');
  await using __ = run('anonymise');
  const topic = anonymousTopic(datasetOf(way));
  await vi.waitFor(
    async () => expect(await countOf(way.stack, [topic])).toBeGreaterThan(100),
    patience,
  );
  const six = Array.from({ length: 6 }, (_, n) => ({
    id: 1_000 + n,
    person: 1_000 + n,
    country: 'JP',
    age: 3,
  }));
  for (const each of six) versions.set(-each.id, each);
  const before = await countOf(way.stack, [topic]);
  const values = six.map(({ id }) => `(${id}, 1, ${id}, 'JP', 3, 'well', ${-id})`);
  await way.commit(`INSERT INTO visits VALUES ${values.join(', ')}`);
  await vi.waitFor(
    async () => expect(await countOf(way.stack, [topic])).toBeGreaterThanOrEqual(before + 6),
    patience,
  );
  const changes = await readAll(way.stack, [changesTopic(way.name, `${way.name}.visits`)]);
  const beats = changes.filter(({ value }) => value === null);
  expect(beats.length).toBeGreaterThan(0);
  expect(new Set(beats.map(({ partition }) => partition)).size).toBe(12);
  await drain('govern');
  const governed = await countOf(way.stack, [governedTopic(way.name, `${way.name}.visits`)]);
  expect(governed).toBe(changes.length - beats.length);
});

test(
  `an auditor finds at least k subjects in every region at every moment, across ${kills} kills under load (seed ${seed})`,
  { timeout: 120_000 + kills * 20_000 },
  async () => {
    printSeed();
    const { random } = write;
    let over = false;
    const writing = (async () => {
      while (!over) {
        await way.commit(write.some());
        await wait(random.below(30)); // Sessions do not follow each other as fast as they can.
      }
    })();
    const alive = new Map<string, Worker>(
      ['capture', 'anonymise', 'anonymise'].map((name, at) => [`${name} ${at}`, run(name)]),
    );
    try {
      for (let kill = 0; kill < kills; kill++) {
        const name = random.chance(0.25)
          ? 'capture 0'
          : random.pick(['anonymise 1', 'anonymise 2']);
        const worker = alive.get(name)!;
        // Who takes longer to start is killed while he does.
        if (random.chance(0.8))
          await Promise.race([worker.running().catch(() => {}), wait(15_000)]);
        await Promise.race([wait(random.below(2_500)), writing]);
        worker.kill('SIGKILL');
        const { signal, stderr } = await worker.ended;
        expect(signal, `${name}: ${stderr}`).toBe('SIGKILL');
        alive.set(name, run(name.split(' ')[0]!));
      }
    } finally {
      over = true;
      await writing;
      for (const worker of alive.values()) await worker[Symbol.asyncDispose]();
    }
    await wait(1_100); // The log's time is to pass the end of the last window,
    await way.commit(write.all()); // and somebody is to tell.
    await drain('capture');
    await drain('anonymise');

    const dataset = datasetOf(way);
    const once = await audited(dataset);
    const again = await audited(await fromTheBeginning());
    expect(once.released).toBeGreaterThan(500);
    expect(once.retracted).toBeGreaterThan(100);
    expect(once.story).toEqual(again.story);
  },
);

/** Replays all output of a dataset; what it came to, window by window, without release ids. */
async function audited(dataset: string) {
  const truths = await truthsOf(way, dataset, versions);
  const auditor = new Auditor(5, (release) => truths.get(release));
  const story = new Map<string, string>();
  for (const { times, records } of await chunksOf(way, dataset)) {
    auditor.chunk(records);
    for (const { read, key, headers, row } of records) {
      const { release, op, window, region } = read;
      expect(headers).toEqual([]);
      expect(key).toBe(release);
      // The time of what was copied before anything was committed is not known.
      if (window > 1e12) expect(times).toEqual([window / 1_000, window / 1_000]);
      expect(window % 1_000_000).toBe(0);
      story.set(
        `${op} ${release}`,
        `${window} ${op} ${JSON.stringify(region)} ${String(row?.['mood'])}`,
      );
    }
  }
  auditor.windowEnded();
  const { released, retracted } = auditor;
  return { released, retracted: retracted.size, story: [...story.values()].toSorted() };
}

/** The same log once more, into another dataset, by one worker that nobody kills. */
async function fromTheBeginning(): Promise<string> {
  const dataset = `anew.${way.name}`.split('.').toReversed().join('.');
  const folder = join(way.folder, 'contracts-anew');
  await mkdir(folder);
  const contract = contractOf(way.name, visits({ dataset }));
  // Another dataset breaks what is in force, and says so.
  await writeFile(
    join(folder, 'visits.yaml'),
    contract.replace('version: 1.0.0', 'version: 2.0.0'),
  );
  const file = await way.variant((config) => void (config['contracts'] = folder));
  await drain('anonymise', file);
  return dataset;
}
