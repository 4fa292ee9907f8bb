import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../../contracts/config.ts';
import { governedTopic } from '../../../contracts/topics.ts';
import { announced, EvidenceLog, revoked } from '../../../pipelines/prove/evidence-log.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { signingKey } from '../../../schemas/signing-key.ts';
import { type Outgoing, topicSink } from '../../../sinks/topic.ts';
import { adminOf, readAll } from '../way/records.ts';
import { openProvedWay, type ProvedLog, type ProvedWay } from './proved-way.ts';

let proved: ProvedWay;
let whole: ProvedLog;

beforeAll(async () => {
  proved = await openProvedWay();
  const { way } = proved;
  await way.drain('capture');
  await way.commit(
    `INSERT INTO people SELECT n, n % 7, n % 13, 'name ' || n, 'mail ' || n, NULL, 'mood ' || n % 3, 'bio' FROM generate_series(1, 3000) AS n`,
    `UPDATE people SET mood = 'other' WHERE id % 5 = 0`,
  );
  await way.commit(`INSERT INTO marks SELECT n, n % 7, n FROM generate_series(1, 110000) AS n`);
  await way.drain('capture', 'govern');
  whole = await proved.log('whole');
  const { code, stderr } = await whole.prove();
  expect(code, stderr).toBe(0);
});

afterAll(() => proved?.[Symbol.asyncDispose]());

const streamOf = (table: string) => `pg.${proved.way.name}.${table}`;

test('what was governed is proved, and verified by nothing but the topics and a public key', async () => {
  const { stack } = proved.way;
  const args = ['verify', 'provenance', '--json', '--keys', proved.keys, '--topic', whole.topic];
  const brokers = ['--brokers', stack.kafka.brokers.join(',')];
  const cli = join(import.meta.dirname, '../../../ops/cli.ts');
  const alone = spawnSync(process.execPath, [cli, ...args, ...brokers], {
    cwd: proved.way.folder,
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  });
  expect(alone.stderr).toBe('');
  expect(alone.status).toBe(0);
  const verified = JSON.parse(alone.stdout) as { streams: { stream: string }[]; faults: object[] };
  expect(verified.faults).toEqual([]);
  expect(verified.streams).toEqual([
    expect.objectContaining({ stream: streamOf('marks'), segments: 3, records: 110_000 }),
    expect.objectContaining({ stream: streamOf('people'), segments: 1, records: 3_600 }),
  ]);
});

// The first three while the log is begun, the others while segments are proved.
const strikes = ['claiming', 'claimed', 'published', 'claiming', 'claimed', 'published'];

test('whoever is killed between any two steps, again and again, leaves the same bytes', async () => {
  const struck = await proved.log('struck');
  for (const strike of strikes) {
    const { signal, stderr } = await struck.prove(strike);
    expect(signal, `${strike}: ${stderr}`).toBe('SIGKILL');
  }
  const { code, stderr } = await struck.prove();
  expect(code, stderr).toBe(0);
  expect(struck.entries()).toEqual(whole.entries());
  const { faults, code: judged } = await struck.verify();
  expect(faults).toEqual([]);
  expect(judged).toBe(0);
}, 300_000);

test('a folder that is lost is made again of the topic', async () => {
  const other = await proved.log('whole', { directory: join(proved.way.folder, 'again') });
  const again = { ...other, folder: join(proved.way.folder, 'again') };
  expect((await again.prove()).code).toBe(0);
  const checkpoint = (folder: string) => readFileSync(join(folder, 'checkpoint'), 'utf8');
  expect(checkpoint(again.folder)).toBe(checkpoint(whole.folder));
});

test('a folder that has the log of another topic, or more than is left of its own, is refused and stays', async () => {
  const cut = await proved.log('cut');
  expect((await cut.prove()).code).toBe(0);
  const other = await proved.log('other', { directory: cut.folder });
  const refused = await other.prove();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/has the log of another topic/);

  const file = join(cut.folder, 'progress.json');
  const known = readFileSync(file);
  rmSync(file); // As in a copy that was served to others.
  const unknown = await other.prove();
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toMatch(/has the log of another topic/);
  expect(cut.entries()).toEqual(whole.entries());
  writeFileSync(file, known);

  const progress = JSON.parse(readFileSync(file, 'utf8')) as { offset: string };
  const offset = String(Number(progress.offset) + 2); // A checkpoint came after it, and no more.
  writeFileSync(file, JSON.stringify({ ...progress, offset }));
  const short = await cut.prove();
  expect(short.code).toBe(1);
  expect(short.stderr).toMatch(/no longer has all of the log/);
  expect(cut.entries()).toEqual(whole.entries());
});

test('whoever writes after another took over changes nothing', async () => {
  const late = await proved.log('late');
  expect((await late.prove()).code).toBe(0);
  const kafka = kafkaOptions(await loadConfig(late.configFile), 'a-test');
  await using zombie = topicSink(kafka, 'late', (record: Outgoing) => record, 1_000_000);
  const claims = (await readAll(proved.way.stack, [late.topic])).filter(
    ({ headers }) => headers['index'] !== undefined,
  );
  await zombie.write(
    claims.map(({ key, value, headers }) => ({
      topic: late.topic,
      partition: 0,
      key,
      value: value!,
      headers,
    })),
  );
  expect((await late.prove()).code).toBe(0);
  expect(late.entries()).toEqual(whole.entries());
  expect(await late.verify()).toMatchObject({ code: 0, faults: [] });
});

test('an export is verified by files alone, its digests are those of its files, and what is changed in it is found', async () => {
  const folder = join(proved.way.folder, 'export');
  expect(await whole.verify('--export', folder)).toMatchObject({ code: 0, faults: [] });
  const offline = ['--offline', folder, '--keys', proved.keys];
  expect(await whole.verify(...offline)).toMatchObject({ code: 0, faults: [], entries: 5 });
  const name = `${streamOf('marks')}/000001`;
  const file = join(folder, 'segments', `${name}.segment`);
  const digest = hash('sha256', readFileSync(file), 'hex');
  const said = whole.entries().get(streamOf('marks'))![1]!;
  const { payload } = JSON.parse(said) as { payload: string };
  expect(Buffer.from(payload, 'base64').toString()).toContain(`"sha256":"${digest}"`);
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  const found = await whole.verify(...offline);
  expect(found.code).toBe(3);
  expect(found.faults.map(({ segment }) => segment)).toEqual([name]);
  const beside = await whole.verify(...offline, '--stream', streamOf('people'));
  expect(beside.code).toBe(0);
  const before = await whole.verify(...offline, '--stream', streamOf('marks'), '--to', '0');
  expect(before).toMatchObject({ code: 0, streams: [{ segments: 1, records: 50_000 }] });
});

test('what was put in after the last segment is told to be unproved, and records that are gone to be gone', async () => {
  const { way } = proved;
  const topic = governedTopic(way.name, `${way.name}.marks`);
  const kafka = kafkaOptions(await loadConfig(whole.configFile), 'a-test');
  const [planted] = await readAll(way.stack, [topic]);
  await using sink = topicSink(kafka, 'planted', (record: Outgoing) => record, 1_000_000);
  await sink.write([{ ...planted!, value: planted!.value! }]);
  const marks = (verified: Awaited<ReturnType<ProvedLog['verify']>>) =>
    verified.streams.find(({ stream }) => stream === streamOf('marks'));
  const behind = async () => {
    const { stdout } = await way.start(['lag', '--json'], whole.configFile).ended;
    const { stages } = JSON.parse(stdout) as { stages: { pipeline: string; changes: number }[] };
    return stages.find(({ pipeline }) => pipeline === 'prove')?.changes;
  };
  expect(marks(await whole.verify())).toMatchObject({ unproved: 1, resent: 0, gone: 0 });
  expect(await behind()).toBe(1);

  expect((await whole.prove()).code).toBe(0);
  expect(await behind()).toBe(0);
  expect(marks(await whole.verify())).toMatchObject({ segments: 4, records: 110_001, unproved: 0 });

  await using admin = await adminOf(way.stack);
  const partitions = [{ partition: planted!.partition, offset: '1' }];
  await admin.fetchTopicOffsets(topic); // So that it knows who leads the topic.
  await admin.deleteTopicRecords({ topic, partitions });
  const gone = await whole.verify();
  expect(gone.code).toBe(0);
  expect(marks(gone)).toMatchObject({ gone: 1 });
  const required = await whole.verify('--require-records');
  expect(required.code).toBe(3);
  expect(required.faults[0]?.segment).toBe(`${streamOf('marks')}/000000`);
});

test('a key is rotated and revoked, and whoever trusts the first one still verifies all', async () => {
  const { way, keys } = proved;
  const log = await proved.log('rotated');
  expect((await log.prove()).code).toBe(0);
  const run = async (args: readonly string[], config = log.configFile) => {
    const { code, stdout, stderr } = await way.start(args, config).ended;
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const next = join(way.folder, 'next.key');
  await run(['provenance', 'rotate', '--new-key', next]);
  const seed = readFileSync(next, 'utf8').trim();
  const rotated = await proved.log('rotated', { signingKey: seed });
  const stranger = await proved.log('rotated', { signingKey: 'ee'.repeat(32) });
  const refused = await stranger.prove();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/does not know the key/);
  const [first] = JSON.parse(log.entries().get('keys')![0]!).signatures as { keyid: string }[];
  await run(['provenance', 'revoke', first!.keyid, '--reason', 'a test'], rotated.configFile);
  expect((await log.prove()).stderr).toMatch(/was revoked/);
  expect((await rotated.prove()).code).toBe(0);
  expect(await rotated.verify('--keys', keys)).toMatchObject({ code: 0, faults: [] });
  expect(rotated.entries().get('keys')).toHaveLength(3);

  const given = join(way.folder, 'given-up.key');
  const rotate = ['provenance', 'rotate', '--new-key', given];
  const [id] = (await run(rotate, rotated.configFile)).split(' ');
  await run(['provenance', 'revoke', id!, '--reason', 'a test'], rotated.configFile);
  const back = await way.start(rotate, rotated.configFile).ended;
  expect(back.code).toBe(2);
  expect(back.stderr).toMatch(/was revoked, for good/);
  expect(rotated.entries().get('keys')).toHaveLength(5);
});

test('who has the log open while its key is revoked signs nothing more', async () => {
  const { way, origin } = proved;
  const folder = join(way.folder, 'open');
  const kafka = kafkaOptions(await loadConfig(whole.configFile), 'a-test');
  const topic = `provenance.${way.name}.open`;
  const [old, next] = ['11', '22'].map((byte) => signingKey(byte.repeat(32)));
  const settings = { kafka, topic, replication: 1, folder, origin };
  await using before = await EvidenceLog.open({ ...settings, key: old! });
  await before.append(({ size }) => (size === 1 ? [announced(next!, 'a test')] : []));
  await using after = await EvidenceLog.open({ ...settings, key: next! });
  await after.append(({ size }) => (size === 2 ? [revoked(old!, 'a test')] : []));
  const checkpoint = readFileSync(join(folder, 'checkpoint'), 'utf8');
  await expect(before.append(() => [])).rejects.toThrow(
    /does not know the key .* or it was revoked/,
  );
  expect(readFileSync(join(folder, 'checkpoint'), 'utf8')).toBe(checkpoint);
});

test('a witness signs what goes on from what it saw, and refuses a log that was rewritten', async () => {
  const { way, keys } = proved;
  const kept = join(way.folder, 'cosigned');
  const cosign = (folder: string) => {
    const own = ['--name', 'witness.example', '--key', join(way.folder, 'witness.key')];
    const args = ['provenance', 'cosign', '--log', folder, '--keys', keys, '--kept', kept, ...own];
    const cli = join(import.meta.dirname, '../../../ops/cli.ts');
    return spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  };
  const first = cosign(whole.folder);
  expect(first.status, first.stderr).toBe(0);
  const both = join(way.folder, 'both.keys');
  writeFileSync(both, `${readFileSync(keys, 'utf8')}${first.stdout.split('\n')[1]}\n`);
  const held = ['--checkpoint', kept, '--quorum', '1'];
  expect(await whole.verify('--keys', both, ...held)).toMatchObject({
    code: 0,
    cosignedBy: ['witness.example'],
  });
  expect(await whole.verify('--keys', keys, ...held)).toMatchObject({ code: 3 });
  expect(cosign(whole.folder).status).toBe(0);
  const rewritten = await proved.log('rewritten', { segmentSeconds: 1 });
  await way.commit(
    `INSERT INTO marks SELECT n, n % 7, n FROM generate_series(200001, 200002) AS n`,
  );
  await way.drain('capture', 'govern');
  expect((await rewritten.prove()).code).toBe(0);
  const refused = cosign(rewritten.folder);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(/was rewritten/);
});

test('an entry is proved to somebody who has nothing else', async () => {
  const args = ['provenance', 'proof', '--log', whole.folder, '--keys', proved.keys];
  const cli = join(import.meta.dirname, '../../../ops/cli.ts');
  const shown = spawnSync(process.execPath, [cli, ...args, '--index', '2'], { encoding: 'utf8' });
  expect(shown.status, shown.stderr).toBe(0);
  expect(shown.stdout).toMatch(/^c2sp.org\/tlog-proof@v1\nindex 2\n/);
  expect(readdirSync(whole.folder)).toContain('checkpoint');
  const none = spawnSync(process.execPath, [cli, ...args, '--index', '99'], { encoding: 'utf8' });
  expect(none.stderr).toMatch(/none at 99/);
});
