import { expect, test, vi } from 'vitest';
import { anonymousTopic, noisyTopic } from '../../../contracts/topics.ts';
import { bundleWith, written } from '../policy/variant-bundle.ts';
import { countOf } from '../way/records.ts';
import { keep } from '../way/tables.ts';
import { openWay } from '../way/way.ts';
import { datasetOf, visits } from './visits.ts';

const { anon, ...told } = visits();
const hidden = {
  ...told,
  columns: [
    ...told.columns.filter(({ name }) => name !== 'mood' && name !== 'version'),
    keep('mood', 'text', { sensitivity: 'high' }), // Kept by the contract, and not by the policy.
    keep('version', 'bigint', { sensitivity: 'high' }),
  ],
};

const dp = {
  epsilon: 1,
  tenants: 'together',
  window: 1,
  contribution: { windows: 1_000, rows: 1_000 },
  queries: [{ name: 'versions', kind: 'sum', column: 'version', bounds: [0, 9] }],
};

test.each([
  ['anonymise', { ...hidden, anon: anon ?? {} }, 'visits.mood'],
  ['noise', { ...hidden, dp }, 'visits.version'],
])('%s does not start where the policy hides what it tells', async (pipeline, table, column) => {
  await using way = await openWay([table]);
  const file = await way.variant((config) => void (config['govern'] = { roles: ['analyst'] }));
  const { code, stderr } = await way.start(['run', pipeline, '--until-current'], file).ended;
  expect(code).not.toBe(0);
  expect(stderr).toContain(column);
  expect(stderr).toContain('is stricter with');
});

const patience = { timeout: 60_000, interval: 200 };

test.each([
  ['anonymise', 'anon', 'mood', 'version', anonymousTopic],
  ['noise', 'dp', 'version', 'mood', noisyTopic],
] as const)(
  '%s tells nothing more once a revision is active that hides what %s tells, and goes on by a restart under one that does not',
  async (pipeline, property, column, other, topicOf) => {
    await using way = await openWay([{ ...visits(), dp }]);
    const file = await way.variant((config) => {
      config.source['heartbeat'] = 1;
      config.source['lingerMs'] = 1;
    });
    const topics = [topicOf(datasetOf(way))];
    // A topic that is just being made has no leader yet.
    const toldSoFar = () => vi.waitFor(() => countOf(way.stack, topics), patience);
    let next = 0;
    /** Six people come to a place where nobody was before. */
    const come = () => {
      const rows = Array.from({ length: 6 }, (_, n) => {
        const id = next + n;
        return `(${id}, 1, ${id}, 'JP', ${10 * (id % 7)}, 'well', ${id % 9})`;
      });
      next += 6;
      return way.commit(`INSERT INTO visits VALUES ${rows.join(', ')}`);
    };
    const isToldMore = async () => {
      const before = await toldSoFar();
      await vi.waitFor(async () => {
        await come();
        expect(await toldSoFar()).toBeGreaterThan(before);
      }, patience);
    };
    const activate = async (name: string) => {
      const { revision, ...bundle } = await bundleWith([
        {
          name: `${name}-is-masked`,
          level: 'dataset',
          when: { datasets: [`${way.name}.visits`], columns: [name] },
          action: 'mask',
        },
      ]);
      const folder = await written(way.folder, { revision, ...bundle });
      for (const args of [
        ['publish', '--bundle', folder],
        ['activate', revision],
      ]) {
        const { code, stderr } = await way.start(['policy', ...args], file).ended;
        expect(code, stderr).toBe(0);
      }
      return revision;
    };

    await using _ = way.start(['run', 'capture'], file);
    await using worker = way.start(['run', pipeline], file);
    await isToldMore();
    const harmless = await activate(other);
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`${await worker.running()}/metrics`)).text();
      const line = `conductor_policy_active{pipeline="${pipeline}",revision="${harmless}"} 1`;
      expect(metrics.split('\n').includes(line)).toBe(true);
    }, patience);
    await isToldMore();

    const hiding = await activate(column);
    const { code, stderr } = await worker.ended;
    const refusal = `policy ${hiding}/${way.contracts.get(`${way.name}.visits`)!.revision} is stricter with ${way.name}.visits.${column}`;
    expect([code, stderr]).toEqual([1, expect.stringContaining(refusal)]);
    expect(stderr).toContain(`take ${column} out of ${property}`);
    const ended = await toldSoFar();
    await come();
    await come();
    const again = await way.start(['run', pipeline], file).ended;
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining(refusal)]);
    expect(await toldSoFar()).toBe(ended);

    const back = await way.start(['policy', 'activate', harmless], file).ended;
    expect(back.code, back.stderr).toBe(0);
    await using __ = way.start(['run', pipeline], file);
    await isToldMore();
  },
);
