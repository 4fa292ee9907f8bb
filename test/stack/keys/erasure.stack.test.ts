import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Config } from '../../../contracts/config.ts';
import type { Keyring } from '../../../contracts/keys/keyring.ts';
import { openKeyring } from '../../../contracts/keys/open-keyring.ts';
import { changesTopic, governedTopic } from '../../../contracts/topics.ts';
import { boxesOf, keyRefOf, open } from '../../../schemas/sealed-box.ts';
import { decoded, lettersOf } from '../way/letters.ts';
import { adminOf, readAll } from '../way/records.ts';
import { testTables } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';

const topicBytes = 64 * 1024;
const [erased, kept] = [100, 200]; // Two subjects of tenant 7.
const nameOf = (subject: number) => `marker-${subject}`;

let way: Way;
let worker: Worker;

beforeAll(async () => {
  way = await openWay(testTables.filter(({ name }) => name === 'people'));
  await using admin = await adminOf(way.stack);
  const configEntries = [{ name: 'max.message.bytes', value: `${topicBytes}` }];
  await admin.createTopics({ topics: [{ topic: topicOf(), numPartitions: 12, configEntries }] });
  worker = way.start(['run', 'capture', 'govern']);
  await worker.running();
});

afterAll(() => way?.[Symbol.asyncDispose]());

const topicOf = () => changesTopic(way.name, `${way.name}.people`);

/** Rows of a subject; of each that is too large for its topic, a letter. */
const insert = (id: number, subject: number, bio = `'b'`) =>
  `INSERT INTO people VALUES (${id}, 7, ${subject}, '${nameOf(subject)}', 'e', 'p', 'm', ${bio})`;
const tooLarge = "repeat('b', 100000)";

async function governed(): Promise<readonly string[]> {
  const records = await readAll(way.stack, [governedTopic(way.name, `${way.name}.people`)]);
  return records.map(({ key }) => String(key));
}

const arrives = (id: number) =>
  vi.waitFor(async () => expect(await governed()).toContain(`{"id":${id}}`), {
    timeout: 30_000,
    interval: 200,
  });

/** Both letters, in two chunks each: they have a sink of their own, which may be behind that of the changes. */
const letters = () =>
  vi.waitFor(
    async () => {
      const found = await lettersOf(way, 'capture', way.name);
      expect(found).toHaveLength(4);
      return found;
    },
    { timeout: 30_000, interval: 200 },
  );

/** Every box there is, of topics and of letters. */
async function boxes(): Promise<readonly Buffer[]> {
  const records = await readAll(way.stack, [topicOf()]);
  const changes = await Promise.all(records.map((record) => decoded(way, record)));
  const sealed = changes.flatMap(({ sealed: box }) => (box ? [box as Buffer] : []));
  return [
    ...sealed.flatMap((each) => boxesOf(each).map((box) => Buffer.from(box))),
    ...(await letters()).map(({ letter }) => letter['sealed'] as Buffer),
  ];
}

/** Of whom boxes tell that a keyring opens. */
function told(keyring: Keyring, all: readonly Buffer[]): ReadonlySet<string> {
  const texts = all.flatMap((box) => {
    const found = keyring.find(keyRefOf(box)!);
    return found.state === 'here' ? [open(found.key, box).toString()] : [];
  });
  return new Set(texts.map((text) => /marker-\d+/.exec(text)?.[0] ?? 'nobody'));
}

async function toldBy(settings: Config['keyring'], all: readonly Buffer[]) {
  await using keyring = await openKeyring(settings);
  return told(keyring, all);
}

async function keys(configFile: string, ...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await way.start(['keys', ...args, '--json'], configFile).ended;
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

test(
  'an erased subject is unreadable in every copy: topics, letters, and the keyring of before',
  { timeout: 240_000 },
  async () => {
    await way.commit(insert(1, erased), insert(2, kept));
    await way.commit(insert(3, erased, tooLarge), insert(4, kept, tooLarge));
    await way.commit(`UPDATE people SET owner_id = ${erased} WHERE id = 2`); // It changes hands.
    await way.commit(insert(5, kept));
    await arrives(5);
    const both = [nameOf(erased), nameOf(kept)];
    const before = await boxes();
    const { keyring } = way.config;
    const copy = { ...keyring, directory: join(way.folder, 'copy') };
    await cp(keyring.directory, copy.directory, { recursive: true });
    expect(await toldBy(copy, before)).toEqual(new Set(both));

    const person = ['--tenant', '7', '--table', `${way.name}.people`, '--subject', `${erased}`];
    expect(await keys(way.configFile, 'rotate', '--level', 'subject', ...person)).toEqual({
      level: 'subject',
      rotated: 1,
    });
    await vi.waitFor(
      async () => {
        const refs = (await boxes()).map((box) => keyRefOf(box)!.toString('hex'));
        const known = new Set(before.map((box) => keyRefOf(box)!.toString('hex')));
        if (refs.some((ref) => !known.has(ref))) return;
        await way.commit(`UPDATE people SET name = '${nameOf(erased)}' WHERE id = 1`);
        expect(refs).toContain('a new key');
      },
      { timeout: 30_000, interval: 500 },
    );
    const rotated = await boxes();

    expect(await keys(way.configFile, 'destroy', ...person, '--yes')).toMatchObject({
      versions: 2,
      rewrapped: 1,
    });
    expect(await toldBy(keyring, rotated)).toEqual(new Set([nameOf(kept)]));

    // What comes after is dropped and counted; what is of others goes on.
    const health = await worker.running();
    const withheld = async () => {
      const text = await (await fetch(`${health}/metrics`)).text();
      return Number(/^conductor_erased_total\{pipeline="capture"\} (\d+)/m.exec(text)?.[1] ?? 0);
    };
    await vi.waitFor(
      async () => {
        await way.commit(`UPDATE people SET mood = mood || 'x' WHERE id = 1`);
        expect(await withheld()).toBeGreaterThan(0);
      },
      { timeout: 30_000, interval: 300 },
    );
    await way.commit(insert(6, erased), insert(7, erased, tooLarge), insert(8, kept));
    await arrives(8);
    expect(await governed()).not.toContain('{"id":6}');

    // The subjects' keys of before, beside the tenants' keys of now, by the root key of now.
    const mixed = { ...keyring, directory: join(way.folder, 'mixed') };
    await mkdir(mixed.directory);
    await cp(join(copy.directory, 'subjects.ring'), join(mixed.directory, 'subjects.ring'));
    await cp(join(keyring.directory, 'tenants.ring'), join(mixed.directory, 'tenants.ring'));
    expect(await toldBy(mixed, rotated)).toEqual(new Set());

    // The whole keyring of before, by the root key that it is rotated to beside the running worker.
    const root = join(way.folder, 'root.key');
    await keys(way.configFile, 'rotate', '--level', 'root', '--to', root);
    const rootKey = (await readFile(root, 'utf8')).trim();
    const next = await way.variant((raw) => (raw['keyring'] = { directory: 'keyring', rootKey }));
    await way.commit(insert(9, kept));
    await arrives(9);
    await keys(next, 'rotate', '--level', 'root', '--finish');
    await expect(openKeyring({ ...copy, rootKey })).rejects.toThrow('the root key does not open');
    await way.commit(insert(10, kept));
    await arrives(10);
    expect(new Set(await toldBy({ ...keyring, rootKey }, rotated))).toEqual(
      new Set([nameOf(kept)]),
    );
    // Of tenant 7, and of none: the index of letters hashes keys under a secret of Conductor's own.
    expect(await keys(next, 'status')).toMatchObject({ tenants: 2, erased: 1 });
    await rm(copy.directory, { recursive: true });
  },
);
