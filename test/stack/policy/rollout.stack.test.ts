import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  bundleText,
  bundleOf,
  type PolicyBundle,
  readBundle,
  shippedBundle,
} from '../../../contracts/policy/bundle.ts';
import { bundleKey, stateKey } from '../../../contracts/policy/rollout.ts';
import { registryAt } from '../../../contracts/registry.ts';
import { governedTopic, tableOf } from '../../../contracts/topics.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import { writeKeyed } from '../../../ops/policy/rollout-topic.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { decodeGoverned, schemaIdOf } from '../../../schemas/wire.ts';
import { lettersOf } from '../way/letters.ts';
import { readAll } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { bundleWith, written } from './variant-bundle.ts';

let way: Way;
let worker: Worker;
let shipped: PolicyBundle;
let next = 0;

beforeAll(async () => {
  way = await openWay();
  await way.drain('capture');
  shipped = await readBundle(shippedBundle);
  worker = way.start(['run', 'capture', 'govern', 'deliver-postgres', 'deliver-clickhouse']);
  await vi.waitFor(() => worker.running(), { timeout: 120_000 });
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** A few rows, now. */
async function some(): Promise<void> {
  const from = next + 1;
  next += 10;
  await way.commit(`INSERT INTO marks SELECT n, 7, n FROM generate_series(${from}, ${next}) AS n`);
}

/** The marks as they were governed so far, in the order of their lanes. */
async function governed() {
  const registry = registryAt(way.config.registry.url);
  const records = await readAll(way.stack, [governedTopic(way.name, `${way.name}.marks`)]);
  await registry.learn(records.map(({ value }) => schemaIdOf(value!)!));
  return records.map(({ topic, partition, value }) => {
    const type = registry.type(schemaIdOf(value!)!)!;
    const change = decodeGoverned(type, value!, { table: tableOf(topic), lane: partition });
    return { lane: partition, n: change.after?.['n'], policy: change.policy };
  });
}

const until = <T>(look: () => Promise<T>): Promise<T> =>
  vi.waitFor(look, { timeout: 60_000, interval: 250 });

/** Writes rows until some were governed by a revision. */
const untilBy = (revision: string) =>
  until(async () => {
    await some();
    const last = (await governed()).map(({ policy }) => policy.split('/')[0]);
    expect(last).toContain(revision);
  });

async function conductor(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await way.start(args).ended;
  expect(code, stderr).toBe(0);
  return stdout;
}

async function metric(line: string): Promise<string | undefined> {
  const text = await (await fetch(`${await worker.running()}/metrics`)).text();
  return text
    .split('\n')
    .find((each) => each.startsWith(`${line} `))
    ?.split(' ')[1];
}

const marksRule = (name: string, columns: readonly string[], action: string) => ({
  name,
  level: 'dataset',
  when: { datasets: [`${way.name}.marks`], columns },
  action,
});

test('a revision is switched in mid-stream, without restart, and each change says by which it was made', async () => {
  await untilBy(shipped.revision);
  const masking = await bundleWith([marksRule('marks-are-masked', ['n'], 'mask')]);
  const folder = await written(way.folder, masking);
  expect(await conductor('policy', 'publish', '--bundle', folder)).toContain(masking.revision);
  await conductor('policy', 'activate', masking.revision);
  await untilBy(masking.revision);

  const changes = await governed();
  const contract = way.contracts.get(`${way.name}.marks`)!.revision;
  for (const { n, policy } of changes) {
    if (policy === `${shipped.revision}/${contract}`) expect(n).toBeTypeOf('number');
    else expect([n, policy]).toEqual(['***', `${masking.revision}/${contract}`]);
  }
  for (const lane of Map.groupBy(changes, (change) => change.lane).values()) {
    const switched = lane.findIndex(({ n }) => n === '***');
    if (switched !== -1) expect(lane.slice(switched).every(({ n }) => n === '***')).toBe(true);
  }
  expect(changes.length % 10).toBe(0); // Nothing was lost on the way, and nothing doubled.
  expect(JSON.parse(await conductor('policy', 'list', '--json'))).toEqual({
    revisions: [
      { revision: shipped.revision, role: null, origin: 'bundle' },
      { revision: masking.revision, role: 'active', origin: 'published' },
    ],
  });
});

test('sinks take what became text, and lose nothing of it', async () => {
  const mirror = openDatabase(way.urls.mirror);
  try {
    await until(async () => {
      const rows = await mirror.query(
        sql`SELECT count(*)::int AS all, count(*) FILTER (WHERE n = '***')::int AS masked FROM ${sql.ident(way.name, 'marks')}`,
      );
      expect(rows).toEqual([{ all: next, masked: expect.any(Number) as number }]);
      expect((rows as readonly { readonly masked: number }[])[0]?.masked).toBeGreaterThan(0);
    });
  } finally {
    await mirror.dispose();
  }
  const { url, user, password } = way.stack.clickhouse;
  await until(async () => {
    const query = `SELECT count() AS all, countIf(n = '***') > 0 AS masked FROM ${way.name}.${way.name}_marks FORMAT TSV`;
    const answer = await fetch(`${url}/?query=${encodeURIComponent(query)}`, {
      headers: { 'x-clickhouse-user': user, 'x-clickhouse-key': password },
    });
    expect((await answer.text()).trim()).toBe(`${next}\t1`);
  });
  for (const sink of ['postgres', 'clickhouse'])
    expect(await lettersOf(way, `deliver-${sink}`, way.name)).toEqual([]);
});

test('a shadow revision changes nothing, and reports what it would have done to how many changes', async () => {
  const [{ revision: active }] = [await inUse()];
  const dropping = await bundleWith([
    marksRule('marks-are-masked', ['n'], 'mask'),
    marksRule('tenants-are-dropped', ['tenant_id'], 'drop'),
  ]);
  await conductor('policy', 'publish', '--shadow', '--bundle', await written(way.folder, dropping));
  await until(async () =>
    expect(await metric('conductor_policy_diff_columns{pipeline="govern"}')).toBe('1'),
  );
  await some();
  await until(async () =>
    expect(
      Number(await metric('conductor_policy_diff_total{pipeline="govern"}')),
    ).toBeGreaterThanOrEqual(10),
  );
  const { diffs } = await until(async () => {
    const said = JSON.parse(await conductor('policy', 'diffs', '--json')) as {
      diffs: readonly { readonly changes: number }[];
    };
    expect(said.diffs[0]?.changes).toBeGreaterThanOrEqual(10);
    return said;
  });
  expect(diffs).toEqual([
    expect.objectContaining({
      active,
      shadow: dropping.revision,
      table: `${way.name}.marks`,
      column: 'tenant_id',
      tier: 'high-clearance',
      purpose: 'operations',
      from: { action: 'keep', to: 0 },
      to: { action: 'drop', to: 0 },
    }),
  ]);
  const asked = [
    '--table',
    `${way.name}.marks`,
    '--role',
    'high-clearance',
    '--purpose',
    'operations',
  ];
  const shown = await conductor('privacy', 'preview', ...asked);
  expect(shown).toMatch(new RegExp(`${active}.*${dropping.revision}`));
  expect(shown).toMatch(/^n .* mask +dataset: marks-are-masked +\*\*\* +mask/m);
  expect(shown).toMatch(
    /^tenant_id .* keep +contract +999999 +≠ +drop +dataset: tenants-are-dropped$/m,
  );
  const named = ['--revision', shipped.revision, '--json'];
  expect(JSON.parse(await conductor('privacy', 'preview', ...asked, ...named))).toMatchObject({
    active: { revision: active },
    other: { revision: shipped.revision, failed: null },
    columns: [
      { column: 'id' },
      { column: 'tenant_id', differs: false },
      { column: 'n', differs: true },
    ],
  });
  expect(new Set((await governed()).map(({ policy }) => policy.split('/')[0]))).toEqual(
    new Set([shipped.revision, active]),
  );
});

async function inUse(): Promise<{ readonly revision: string }> {
  const { revisions } = JSON.parse(await conductor('policy', 'list', '--json')) as {
    revisions: readonly { readonly revision: string; readonly role: string | null }[];
  };
  return revisions.find(({ role }) => role === 'active')!;
}

test('a broken revision changes nothing, as a shadow or asked for; both are said, and a good one ends it', async () => {
  const { revision: active } = await inUse();
  const { dataText, sources } = await bundleWith([]);
  const broken = bundleOf({ wasm: Buffer.from('no wasm'), dataText, sources }, 'a test');
  const kafka = kafkaOptions(way.config, 'test');
  const write = (state: object) =>
    writeKeyed(kafka, way.config.policy.topic, [
      [bundleKey(broken.revision), bundleText(broken)],
      [stateKey, JSON.stringify(state)],
    ]);
  await write({ active, shadow: broken.revision });
  const failed = (role: string) =>
    metric(`conductor_policy_failed{pipeline="govern",role="${role}"}`);
  await until(async () => expect(await failed('shadow')).toBe('1'));
  expect(await failed('active')).toBe('0');

  await write({ active: broken.revision, shadow: null });
  await until(async () =>
    expect([await failed('active'), await failed('shadow')]).toEqual(['1', '0']),
  );
  const before = (await governed()).length;
  await some();
  await until(async () => expect((await governed()).length).toBe(before + 10));
  expect(
    (await governed()).every(({ policy }) => /^(.*)\//.exec(policy)?.[1] !== broken.revision),
  ).toBe(true);
  expect(await metric(`conductor_policy_active{pipeline="govern",revision="${active}"}`)).toBe('1');

  const another = await way.start(['run', 'govern', '--until-current']).ended;
  expect([another.code, another.stderr]).toEqual([1, expect.stringContaining(broken.revision)]);

  await conductor('policy', 'activate', active); // Which never ceased to decide.
  await until(async () => expect(await failed('active')).toBe('0'));
  await conductor('policy', 'activate', shipped.revision);
  await until(async () => expect(await failed('active')).toBe('0'));
  const count = (await governed()).filter(({ policy }) =>
    policy.startsWith(shipped.revision),
  ).length;
  await some();
  await until(async () =>
    expect(
      (await governed()).filter(({ policy }) => policy.startsWith(shipped.revision)).length,
    ).toBe(count + 10),
  );
  expect(worker.stderr).not.toContain('lost a server; trying again","pipeline":"govern');
});

test('a revision that would blur a key is refused by the name of the column, and activates nothing', async () => {
  const blurring = await bundleWith([marksRule('keys-are-masked', ['id'], 'mask')]);
  const folder = await written(way.folder, blurring);
  const { code, stderr } = await way.start(['policy', 'publish', '--bundle', folder]).ended;
  expect(code).toBe(1);
  expect(stderr).toContain(`table ${way.name}.marks, column id: is of the key, and would mask`);
  expect(await conductor('policy', 'list')).not.toContain(blurring.revision);
});

test('a revision that would make other keys of rows is published, and neither activated nor taken up', async () => {
  const { revision: active } = await inUse();
  const rekeying = await bundleWith([marksRule('keys-are-tokens', ['id'], 'tokenise')]);
  await conductor('policy', 'publish', '--bundle', await written(way.folder, rekeying));
  const { code, stderr } = await way.start(['policy', 'activate', rekeying.revision]).ended;
  expect(code).toBe(1);
  expect(stderr).toContain(`${way.name}.marks.id is of the key, and would turn from keep to`);
  expect((await inUse()).revision).toBe(active);

  const kafka = kafkaOptions(way.config, 'test');
  const decide = (revision: string) =>
    writeKeyed(kafka, way.config.policy.topic, [
      [stateKey, JSON.stringify({ active: revision, shadow: null })],
    ]);
  const failed = () => metric('conductor_policy_failed{pipeline="govern",role="active"}');
  await decide(rekeying.revision);
  await until(async () => expect(await failed()).toBe('1'));
  const before = (await governed()).length;
  await some();
  await until(async () => expect((await governed()).length).toBe(before + 10));
  expect((await governed()).some(({ policy }) => policy.startsWith(rekeying.revision))).toBe(false);
  await decide(active);
  await until(async () => expect(await failed()).toBe('0'));
});
