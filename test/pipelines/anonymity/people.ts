import avro from 'avsc';
import { Reader, readRecord } from '@platformatic/kafka';
import type { Registry } from '../../../contracts/registry.ts';
import { hierarchyOf } from '../../../contracts/hierarchy.ts';
import {
  type AnonymousTable,
  attributeColumns,
  Sightings,
} from '../../../pipelines/anonymity/sightings.ts';
import { pseudonymsOf } from '../../../processors/anonymity/pseudonyms.ts';
import { unsealing } from '../../../processors/unseal.ts';
import { anonymousSchema } from '../../../schemas/anonymous.ts';
import { avroOptions } from '../../../schemas/avro.ts';
import type { Records } from '../../../schemas/records.ts';
import type { MemoryKeyring } from '../../processors/memory-keyring.ts';
import { column } from '../../processors/tables.ts';
import { registryOf } from '../records.ts';
import type { Read } from './auditor.ts';

const countries = { Europe: ['CH', 'DE', 'FR'], Asia: ['JP', 'IN'] } as const;

const contract = (anon: Partial<AnonymousTable['anon']> = {}): AnonymousTable => ({
  table: 'public.people',
  revision: 'r1',
  key: ['id'],
  tenant: 'tenant_id',
  subject: { column: 'owner', domain: 'public.people.owner' },
  columns: [
    column('id'),
    column('tenant_id'),
    column('owner'),
    {
      ...column('country'),
      hierarchy: hierarchyOf({
        tree: { Europe: ['CH', 'DE', 'FR'], Asia: ['JP', 'IN'] },
        level: 1,
      }),
    },
    {
      ...column('age', 'confidential', 'drop'),
      hierarchy: hierarchyOf({ intervals: [10, 50], from: 0, to: 100, level: 1 }),
    },
    column('mood'),
  ],
  graph: null,
  anon: {
    dataset: null,
    k: 3,
    quasi_identifiers: ['country', 'age'],
    attributes: ['mood'],
    window: 1,
    delay: 1,
    diversity: null,
    ...anon,
  },
});

const known = new Map<string, AnonymousTable>();

/** People, of whom country and age are told coarsely; the age is confidential. The same terms give the same contract. */
export function people(anon: Partial<AnonymousTable['anon']> = {}): AnonymousTable {
  const terms = JSON.stringify(anon);
  let table = known.get(terms);
  if (!table) known.set(terms, (table = contract(anon)));
  return table;
}

/** Whether classes of `people` may stand for these values. */
export function isIn(
  [country, age]: readonly (string | null)[],
  was: { readonly country: string; readonly age: number },
): boolean {
  const above = Object.entries(countries).find(([, names]) =>
    (names as readonly string[]).includes(was.country),
  )?.[0];
  const [, from, to] = /^\[(\d+),(\d+)\)$/.exec(age ?? '') ?? [];
  const hasAge = age === '*' || (was.age >= Number(from) && was.age < Number(to));
  return hasAge && (country === '*' || country === was.country || country === above);
}

const registries = new WeakMap<AnonymousTable, Registry>(); // To compile a schema takes longer than a window.

function registryFor(table: AnonymousTable): Registry {
  let registry = registries.get(table);
  if (!registry) registries.set(table, (registry = registryOf(table)));
  return registry;
}

export const sightingsOf = (table: AnonymousTable, keyring: MemoryKeyring): Sightings =>
  new Sightings(table, {
    registry: registryFor(table),
    keyring,
    pseudonyms: pseudonymsOf(keyring, 'people'),
    open: unsealing(keyring, () => {}),
    mostBytes: 1_000,
    type: typeFor(table),
  });

const types = new WeakMap<AnonymousTable, avro.Type>();

const typeOf = (table: AnonymousTable): avro.Type =>
  avro.Type.forSchema(
    anonymousSchema({
      dataset: 'people',
      region: table.anon.quasi_identifiers,
      row: attributeColumns(table),
    }) as avro.Schema,
    { ...avroOptions },
  );

function typeFor(table: AnonymousTable): avro.Type {
  let type = types.get(table);
  if (!type) types.set(table, (type = typeOf(table)));
  return type;
}

/** What a reader who shares no code with us makes of a chunk. */
export function readChunk(table: AnonymousTable, { count, bytes }: Records) {
  const reader = Reader.from(bytes);
  const schema = typeFor(table);
  return Array.from({ length: count }, () => {
    const { key, value, headers } = readRecord(reader);
    const record = schema.fromBuffer(value!.subarray(5)) as {
      release: string;
      op: Read['op'];
      window: bigint;
      region: Record<string, string | null> | null;
      row: Record<string, unknown> | null;
    };
    const region = record.region && Object.values(record.region);
    const read: Read = { ...record, window: Number(record.window), region };
    return { read, bytes: value!, key: String(key), headers, row: record.row };
  });
}
