import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import type { Refused } from '../../pipelines/flow/stage.ts';
import { type Forms, govern, Governing } from '../../pipelines/govern.ts';
import { letterOfRecord } from '../../pipelines/letters.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { Dedupe, type Marks } from '../../processors/dedupe.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { SlabPool } from '../../processors/transcode/slab-pool.ts';
import { unsealing } from '../../processors/unseal.ts';
import type { Governed } from '../../schemas/change.ts';
import type { Records } from '../../schemas/records.ts';
import { encodeValues } from '../../schemas/secret.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { deliveries, ListSink, ListSource } from '../doubles.ts';
import { MemoryKeyring } from '../processors/memory-keyring.ts';
import { alike, decoded, marker, planned, userRow, users } from '../processors/tables.ts';
import { changeRecord, formOf, registryOf, releasedIn } from './records.ts';
import { sealing } from '../../processors/seal-change.ts';

const owner = { tenant: '1', domain: 'public.users.id', subject: '7' };

function world() {
  const keyring = new MemoryKeyring();
  const tokens = tokeniser(keyring);
  const contracts = new Map([[users.table, users]]);
  const seal = sealing(contracts, keyring, tokens, 12, () => {});
  const count = { erased: 0 };
  const forms: Forms = new Map([[users.table, formOf(alike(planned(users)), tokens)]]);
  const rules = (dedupe = new Dedupe()) => ({
    forms: () => forms,
    watching: () => null,
    registry: registryOf(users),
    dedupe,
    open: unsealing(keyring, () => void count.erased++),
    pool: new SlabPool(),
  });
  /** The record of a change as capture would have written it. */
  const record = (lsn: bigint, email: string = marker, city = 'Bern'): Received => {
    const change = decoded('insert', { after: { ...userRow, email, city, phone: '079' } });
    const position = { ...change.position, lsn };
    return changeRecord(users, seal({ ...change, position })[0]!, lsn);
  };
  return { keyring, rules, record, count };
}

/** What a record became, one at a time; none if it was withheld. */
const governing = (rules: ConstructorParameters<typeof Governing>[0]) => {
  const all = new Governing(rules);
  return (record: Received): readonly { change: Governed; marks: Marks | null }[] => {
    all.add(record);
    return all.take().flatMap((records) => releasedIn(records, users));
  };
};

test('a record comes out stamped, redacted, with its policy and the marks of its lane', () => {
  const { rules, record } = world();
  const [released] = governing(rules())(record(10n));
  expect(released).toMatchObject({
    change: {
      after: { id: '7', tenant_id: '1', email: '***', city: 'Bern' },
      provenance: 'pg:7000/1/slot@0/A/0.0',
      policy: 'p1/r1',
    },
    marks: { '7000/slot': '00000001/000000000000000a/00000000/00000000' },
  });
  expect(released?.change.after?.['phone']).toMatch(/^[\w-]{22}$/);
  expect(encodeValues(released!)).not.toContain(marker);
});

test('the same log gives the same output, however often it is read: no clock and no chance is in it', () => {
  const { rules, record } = world();
  const log = [record(10n), record(11n), record(12n)];
  const once = log.flatMap(governing(rules()));
  expect(once.length).toBe(3);
  expect(log.flatMap(governing(rules()))).toEqual(once);
});

test('a change that was read before goes out once', () => {
  const { rules, record } = world();
  const process = governing(rules());
  const [first, second] = [record(10n), record(11n)];
  const out = [first, second, first, second, record(12n)].map((each) => process(each).length);
  expect(out).toEqual([1, 1, 0, 0, 1]);
});

test('after a restart the marks that went out are enough to go on from', () => {
  const { rules, record } = world();
  const before = governing(rules());
  before(record(10n));
  const [last] = before(record(11n));
  const dedupe = new Dedupe();
  dedupe.restore(record(10n).topic, record(10n).partition, last!.marks!);
  const after = governing(rules(dedupe));
  expect([record(10n), record(11n), record(12n)].map((each) => after(each).length)).toEqual([
    0, 0, 1,
  ]);
});

test('what belongs to an erased subject is withheld and counted', () => {
  const { rules, record, keyring, count } = world();
  const sealed = record(10n);
  keyring.destroy(owner);
  expect(governing(rules())(sealed)).toEqual([]);
  expect(count.erased).toBe(1);
});

const bad: readonly { name: string; of: (good: Received) => Received; reason: string }[] = [
  { name: 'without a value', of: (good) => ({ ...good, value: null }), reason: 'undecodable' },
  {
    name: 'that is not in Avro',
    of: (good) => ({ ...good, value: Buffer.from(`{"email":"${marker}"}`) }),
    reason: 'undecodable',
  },
  {
    name: 'that is cut short',
    of: (good) => ({ ...good, value: good.value!.subarray(0, 20) }),
    reason: 'undecodable',
  },
  {
    name: 'of a table without a contract',
    of: (good) => ({ ...good, topic: 'cdc.shop.public.secrets' }),
    reason: 'no-contract',
  },
];

for (const { name, of, reason } of bad)
  test(`a record ${name} is refused, without a value in the message`, () => {
    const { rules, record } = world();
    const process = governing(rules());
    const work = () => process(of(record(10n)));
    expect(work).toThrow(Refusal);
    expect(work).toThrow(expect.objectContaining({ reason }));
    expect(work).not.toThrow(marker);
  });

function start(records: readonly Received[], rules: ConstructorParameters<typeof Governing>[0]) {
  const changes = new ListSource(deliveries(records.map((each) => [each])));
  const governed = new ListSink<Records>();
  const letters = new ListSink<Refused<Received>>();
  const pulling = { room: { values: 100, bytes: 10_000 }, signal: new AbortController().signal };
  const run = () => lastValueFrom(govern({ changes, governed, letters }, rules, pulling));
  return { changes, governed, letters, run };
}

test('what cannot be governed becomes a letter and the rest goes on, all of it confirmed', async () => {
  const { rules, record } = world();
  const damaged = { ...record(11n), value: Buffer.from('damaged') };
  const { changes, governed, letters, run } = start([record(10n), damaged, record(12n)], rules());
  await run();
  expect(
    governed.values
      .flatMap((each) => releasedIn(each, users))
      .map(({ change }) => change.position.lsn),
  ).toEqual([10n, 12n]);
  expect(letters.values.map((each) => letterOfRecord('govern', each).origin)).toEqual([
    'cdc.shop.public.users/' + damaged.partition + '@11',
  ]);
  expect(changes.confirmed.get('log')).toBe(3n);
});

test('a governed change that its topic refuses is a mistake of ours, and so no outage to wait out', async () => {
  const { rules, record } = world();
  const { governed, letters, run, changes } = start([record(10n)], rules());
  governed.before = () => {
    throw new Refusal('too-large', 'too large');
  };
  await expect(run()).rejects.toBeInstanceOf(TypeError);
  expect(letters.values).toEqual([]);
  expect(changes.confirmed.size).toBe(0);
});

test('of a batch the first record bears the marks of its lane, and then every so often one', () => {
  const { rules, record } = world();
  const all = new Governing(rules());
  for (let lsn = 1n; lsn <= 200n; lsn++) all.add(record(lsn));
  const released = all.take().flatMap((records) => releasedIn(records, users));
  const marked = released.flatMap(({ marks }, at) => (marks ? [at] : []));
  expect(released.length).toBe(200);
  expect(marked[0]).toBe(0);
  expect(marked.length).toBeGreaterThan(2);
  expect(Math.max(...marked.map((at, n) => at - (marked[n - 1] ?? 0)))).toBeLessThanOrEqual(64);
});

test('a change that grows too large for its topic by what govern adds is refused, and the rest goes on', () => {
  const { rules, record } = world();
  let seen = 0;
  const all = new Governing({ ...rules(), watching: () => () => void seen++ });
  const [large, small] = [record(10n, marker, 'x'.repeat(10 * 1024 * 1024 - 800)), record(11n)];
  expect(() => all.add(large)).toThrow(expect.objectContaining({ reason: 'too-large' }));
  all.add(small);
  expect(all.take().flatMap((records) => releasedIn(records, users)).length).toBe(1);
  expect(seen).toBe(1); // A shadow counts what leaves.
});

test('a change that is refused is refused again where the marks of its lane are past it, for its letter may not be there', () => {
  const { rules, record } = world();
  const dedupe = new Dedupe();
  const all = new Governing(rules(dedupe));
  all.add(record(20n));
  const strict = new Governing({
    ...rules(dedupe),
    open: () => {
      throw new Refusal('unsealable', 'no key');
    },
  });
  expect(() => strict.add(record(10n))).toThrow(expect.objectContaining({ reason: 'unsealable' }));
  expect(strict.take()).toEqual([]);
});
