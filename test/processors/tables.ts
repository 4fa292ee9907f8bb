import fc from 'fast-check';
import type { ColumnContract, Rule, TableContract } from '../../contracts/contract.ts';
import { isConfidential } from '../../contracts/contract.ts';
import type { PlannedContract } from '../../contracts/policy/plan.ts';
import type { TablePlans } from '../../contracts/policy/table-plans.ts';
import type { TokenForm } from '../../contracts/token-form.ts';
import type { Decoded, Op } from '../../schemas/change.ts';
import { unchanged, type Key, type Row, type Unchanged, type Value } from '../../schemas/value.ts';

/** A contract as a policy has it that adds nothing to it. */
export const planned = (of: TableContract): PlannedContract => ({
  ...of,
  policy: `p1/${of.revision}`,
});

/** The plans of a table in which no tenant has rules of its own. */
export const alike = (plan: PlannedContract): TablePlans => ({
  form: plan,
  everybody: plan,
  tenants: new Map(),
  untold: plan,
});

/** What no confidential value may be seen by. */
export const marker = 'CONFIDENTIAL';
export const secretPhone = '+41 79 555 01 23';
const openPhone = '+41 44-555.01.24';

export const column = (
  name: string,
  classification: ColumnContract['classification'] = 'internal',
  rule: Rule = classification === 'internal' ? 'keep' : 'mask',
): ColumnContract => ({
  name,
  type: 'text',
  classification,
  sensitivity: 'low',
  rule,
  hierarchy: null,
  references: null,
});

export const users: TableContract = {
  table: 'public.users',
  revision: 'r1',
  key: ['id'],
  tenant: 'tenant_id',
  subject: { column: 'id', domain: 'public.users.id' },
  columns: [
    column('id'),
    column('tenant_id'),
    column('email', 'confidential'),
    column('phone', 'restricted', 'tokenise'),
    column('city'),
  ],
  graph: null,
};

export const userRow = { id: '7', tenant_id: '1', email: marker, phone: null, city: 'Bern' };

/** A change of a table, as it was decoded. */
export const decoded = (
  op: Op,
  { before = null, after = null }: { readonly before?: Row | null; readonly after?: Row | null },
  { table, key }: Pick<TableContract, 'table' | 'key'> = users,
): Decoded => ({
  system: '7000',
  log: 'slot',
  position: { timeline: 1, lsn: 10n, seq: 0, part: 0 },
  table,
  op,
  lane: 0,
  transaction: 753,
  committedAt: 1,
  watermark: 1,
  key: keyOf(key, after ?? before),
  before,
  after,
});

function keyOf(columns: readonly string[], row: Row | null): Key | null {
  if (!row || columns.length === 0) return null;
  return Object.fromEntries(columns.map((name) => [name, row[name] as Value]));
}

const classified = fc.record({
  classification: fc.constantFrom('public', 'internal', 'confidential', 'restricted'),
  rule: fc.constantFrom('keep', 'mask', 'tokenise', 'generalise', 'drop'),
  tokenForm: fc.constantFrom(null, null, 'digits', 'alphanumeric'),
}) as fc.Arbitrary<
  Pick<ColumnContract, 'classification' | 'rule'> & { readonly tokenForm: TokenForm | null }
>;

const byLetters = { kind: 'prefixes', lengths: [2, 1], level: 1 } as const;

/** Any contract that contracts/odcs-checks.ts would take. */
export const contract: fc.Arbitrary<TableContract> = fc
  .record({
    columns: fc.array(classified, { minLength: 3, maxLength: 7 }),
    keys: fc.integer({ min: 0, max: 2 }),
    tenant: fc.boolean(),
    subject: fc.boolean(),
  })
  .map(({ columns, keys, tenant, subject }) => {
    const named = columns.map((each, index) => ({ ...each, name: `c${index}` }));
    const key = named.slice(0, keys).map(({ name }) => name);
    const plain = named.length - 1; // The tenant: told in the clear, as a contract should have it.
    return {
      table: 'public.t',
      revision: 'r1',
      key: key.toReversed(),
      tenant: tenant ? `c${plain}` : null,
      subject: subject ? { column: 'c1', domain: 'public.t.c1' } : null,
      columns: named.map(({ tokenForm, ...each }, index) => ({
        ...each,
        ...(tokenForm && { tokenForm }),
        ...(index === plain ? { classification: 'internal' as const } : {}),
        rule: ruleOf(each, index < keys),
        type: 'text',
        sensitivity: 'low' as const,
        hierarchy: byLetters,
        references: null,
      })),
      graph: null,
    };
  });

function ruleOf(each: Pick<ColumnContract, 'classification' | 'rule'>, inKey: boolean): Rule {
  const secret = isConfidential(each);
  if (inKey) return secret || each.rule === 'tokenise' ? 'tokenise' : 'keep';
  return secret && each.rule === 'keep' ? 'mask' : each.rule;
}

/** A row in which every value tells its column, and every confidential one bears the marker. */
export function rowOf({ columns, key, tenant }: TableContract): fc.Arbitrary<Row> {
  const unknown = { ...column('unknown', 'confidential'), name: 'of no contract' };
  const value = (each: ColumnContract): fc.Arbitrary<Value | Unchanged> => {
    const [bare, phone] = isConfidential(each) ? [marker, secretPhone] : ['open', openPhone];
    const words = fc.nat(3).map((n) => `${bare} ${each.name} ${n}`);
    const text = each.tokenForm ? fc.oneof(words, fc.constant(phone)) : words;
    if (key.includes(each.name) || each.name === tenant) return text;
    return fc.oneof({ weight: 6, arbitrary: text }, fc.constantFrom(null, unchanged));
  };
  const all = [...columns, unknown];
  return fc
    .tuple(fc.tuple(...all.map(value)), fc.boolean())
    .map(([values, withUnknown]) =>
      Object.fromEntries(
        (withUnknown ? all : columns).map(({ name }, at) => [name, values[at] as Value]),
      ),
    );
}

/** Any change of a table: whole old rows and keys alone, with and without columns of no contract. */
export const changeOf = (of: TableContract): fc.Arbitrary<Decoded> =>
  fc
    .record({
      shape: fc.constantFrom(
        'insert',
        'update',
        'update whole',
        'delete',
        'delete whole',
        'truncate',
      ),
      before: rowOf(of),
      after: rowOf(of),
      position: fc.nat(1_000),
    })
    .map(({ shape, before, after, position }) => {
      const op = shape.split(' ')[0] as Op;
      const whole = shape.endsWith('whole');
      const keyOnly = keyOf(of.key, before);
      const old = whole ? before : op === 'delete' ? keyOnly : null;
      const now = op === 'insert' || op === 'update' ? after : null;
      const change = decoded(op, { before: old, after: now }, of);
      return { ...change, position: { ...change.position, seq: position } };
    });
