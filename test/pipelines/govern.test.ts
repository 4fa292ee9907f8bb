import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import type { Refused } from '../../pipelines/flow/stage.ts';
import { govern, governing, type Released } from '../../pipelines/govern.ts';
import { letterOfRecord } from '../../pipelines/letters.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { Dedupe } from '../../processors/dedupe.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { unsealing } from '../../processors/unseal.ts';
import { encodeValues } from '../../schemas/secret.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { deliveries, ListSink, ListSource } from '../doubles.ts';
import { MemoryKeyring } from '../processors/memory-keyring.ts';
import { decoded, marker, userRow, users } from '../processors/tables.ts';
import { changeRecord, registryOf } from './records.ts';
import { sealing } from '../processors/transcode/oracle.ts';

const owner = { tenant: '1', domain: 'public.users.id', subject: '7' };

function world() {
  const keyring = new MemoryKeyring();
  const tokens = tokeniser(keyring);
  const contracts = new Map([[users.table, users]]);
  const seal = sealing(contracts, keyring, tokens, 12, () => {});
  const count = { erased: 0 };
  const rules = (dedupe = new Dedupe()) => ({
    contracts,
    registry: registryOf(users),
    dedupe,
    open: unsealing(keyring, () => void count.erased++),
    tokens,
  });
  /** The record of a change as capture would have written it. */
  const record = (lsn: bigint, email: string = marker): Received => {
    const change = decoded('insert', { after: { ...userRow, email, phone: '079' } });
    const position = { ...change.position, lsn };
    return changeRecord(users, seal({ ...change, position })[0]!, lsn);
  };
  return { keyring, rules, record, count };
}

test('a record comes out stamped, redacted, with its policy and the marks of its lane', () => {
  const { rules, record } = world();
  const [released] = governing(rules())(record(10n));
  expect(released).toMatchObject({
    change: {
      after: { id: '7', tenant_id: '1', email: '***', city: 'Bern' },
      provenance: 'pg:7000/1/slot@0/A/0.0',
      policy: 'r1',
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
  dedupe.restore(record(10n).topic, record(10n).partition, last!.marks);
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

function start(records: readonly Received[], rules: Parameters<typeof governing>[0]) {
  const changes = new ListSource(deliveries(records.map((each) => [each])));
  const governed = new ListSink<Released>();
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
  expect(governed.values.map(({ change }) => change.position.lsn)).toEqual([10n, 12n]);
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
