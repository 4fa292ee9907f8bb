import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ColumnContract, Rule, TableContract } from '../../../contracts/contract.ts';
import { isConfidential } from '../../../contracts/contract.ts';
import type { PlannedContract } from '../../../contracts/policy/plan.ts';
import { lattice } from '../../../contracts/strictness.ts';
import type { TablePlans } from '../../../contracts/policy/table-plans.ts';
import { governedShape } from '../../../contracts/shapes.ts';
import type { TokenForm } from '../../../contracts/token-form.ts';
import { stamp } from '../../../processors/provenance.ts';
import { redactedColumns } from '../../../processors/redact.ts';
import { Release } from '../../../processors/release/release.ts';
import { columnSealer } from '../../../processors/seal-column.ts';
import { tableRedaction } from '../../../processors/table-redaction.ts';
import { tokeniser } from '../../../processors/tokens.ts';
import {
  type AvroColumn,
  avroOptions,
  changeSchema,
  governedSchema,
} from '../../../schemas/avro.ts';
import type { Change, Op } from '../../../schemas/change.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import type { Secret } from '../../../schemas/secret.ts';
import { keyText, type Key } from '../../../schemas/value.ts';
import { decodeChange, encodeChange, encodeGoverned } from '../../../schemas/wire.ts';
import * as arbitrary from '../../schemas/arbitrary.ts';
import { MemoryKeyring } from '../memory-keyring.ts';
import { plansOf } from '../plans.ts';
import { alike, planned } from '../tables.ts';

const tokens = tokeniser(new MemoryKeyring());
const seals = columnSealer(new MemoryKeyring());
const typeOf = (schema: object) => avro.Type.forSchema(schema as avro.Schema, { ...avroOptions });
const table = 'public.t';
const byLetters = { kind: 'prefixes', lengths: [2, 1], level: 1 } as const;

const promised = fc.record({
  classification: fc.constantFrom('public', 'internal', 'confidential', 'restricted'),
  rule: fc.constantFrom<Rule>('keep', 'mask', 'tokenise', 'generalise', 'drop'),
  came: fc.constantFrom('as promised', 'as promised', 'not', 'as text'),
  tokenForm: fc.constantFrom(null, 'digits', 'alphanumeric'),
}) as fc.Arbitrary<
  Pick<ColumnContract, 'classification' | 'rule'> & {
    came: 'as promised' | 'not' | 'as text';
    tokenForm: TokenForm | null;
  }
>;

interface World {
  readonly plans: TablePlans;
  readonly came: { readonly table: string; readonly key: AvroColumn[]; readonly row: AvroColumn[] };
  readonly change: Change;
  readonly secret: Secret;
}

/** A table that was captured in a form that need not be its contract's, and a change of it. */
const world: fc.Arbitrary<World> = arbitrary.columns.chain((columns) =>
  fc
    .tuple(
      fc.tuple(...columns.map(() => promised)),
      fc.boolean(),
      arbitrary.columnName.filter((name) => columns.every((each) => each.name !== name)),
    )
    .chain(([promises, hasTenant, unknown]) => {
      const all = columns.map(({ name, type }, at): ColumnContract => {
        const { classification = 'internal', rule = 'keep', tokenForm } = promises[at] ?? {};
        const isSecret = isConfidential({ classification });
        const blurred = at === 0 && rule !== 'keep' ? 'tokenise' : rule;
        return {
          name,
          type,
          classification,
          sensitivity: 'low',
          rule: isSecret && blurred === 'keep' ? 'tokenise' : blurred,
          hierarchy: byLetters,
          references: null,
          ...(tokenForm && { tokenForm }),
        };
      });
      const [first] = columns;
      const isOpen = ({ name }: AvroColumn, at: number) =>
        !isConfidential(all[at]!) && promises[at]?.came !== 'not' && name !== '';
      const asText = (column: AvroColumn, at: number): AvroColumn =>
        promises[at]?.came === 'as text' ? { ...column, type: 'text', kind: 'string' } : column;
      const key =
        first && isConfidential(all[0]!)
          ? { ...first, type: 'text', kind: 'string' as const }
          : first;
      const came = {
        table,
        key: key ? [key] : [],
        row: [
          ...columns.map(asText).filter(isOpen),
          { name: unknown, type: 'text', kind: 'string' as const },
        ],
      };
      const tenant = hasTenant ? (came.row[0]?.name ?? null) : null;
      const contract: TableContract = {
        table,
        revision: 'r1',
        key: first ? [first.name] : [],
        tenant,
        subject: null,
        columns: all,
        graph: null,
      };
      const secrets = columns.filter((_, at) => isConfidential(all[at]!));
      return fc.record({
        plans: plansFor(contract),
        came: fc.constant(came),
        change: changeOf(came),
        secret: fc.record({
          before: fc.option(fc.oneof(arbitrary.rowOf(secrets), fc.constant({}))),
          after: fc.option(fc.oneof(arbitrary.rowOf(secrets), fc.constant({}))),
        }),
      });
    }),
);

/** A policy as it may be: the contract's own rules, or others, and others again for some tenants. */
const plansFor = (of: TableContract): fc.Arbitrary<TablePlans> =>
  fc
    .record({
      everybody: fc.tuple(
        ...of.columns.map(() => fc.constantFrom<Rule>('keep', 'keep', ...lattice)),
      ),
      own: fc.tuple(...of.columns.map(() => fc.constantFrom<Rule>('keep', ...lattice))),
      tenants: fc.constantFrom([], [], ['', '0']),
    })
    .map(({ everybody, own, tenants }) =>
      plansOf(
        of,
        (name, tenant) => {
          const at = of.columns.findIndex((each) => each.name === name);
          const rule = (tenant === null ? everybody : own)[at] ?? 'drop';
          return !of.key.includes(name) || rule === 'keep' ? rule : 'tokenise';
        },
        tenants,
      ),
    );

const changeOf = ({ key, row }: World['came']): fc.Arbitrary<Change> =>
  fc.record({
    system: fc.constant('7301234567890123456'),
    log: fc.constantFrom('slot', 'copy'),
    position: arbitrary.position,
    table: fc.constant(table),
    op: fc.constantFrom<Op>('insert', 'update', 'delete', 'truncate'),
    lane: fc.constant(5),
    transaction: fc.nat(0xffff_ffff),
    committedAt: fc.nat(2 ** 51),
    watermark: fc.nat(2 ** 51),
    key: fc.option(arbitrary.keyOf(key) as fc.Arbitrary<Key>),
    before: fc.option(arbitrary.rowOf(row)),
    after: fc.option(arbitrary.rowOf(row)),
    sealed: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
  });

type Released = { readonly value: string; readonly key: string | null } | 'refused';

function orRefused(work: () => Released): Released {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) return 'refused'; // Which of two faults is found first is nobody's promise.
    throw error;
  }
}

test('what is released is to the byte what redaction makes of the change, whatever form it came in', () => {
  fc.assert(
    fc.property(fc.array(world, { minLength: 1, maxLength: 2 }), (worlds) => {
      for (const { plans, came, change, secret } of worlds) {
        const shape = governedShape(plans.form);
        const schema = { id: 2, type: typeOf(governedSchema(shape)) };
        const type = typeOf(changeSchema(came));
        const sent = encodeChange({ id: 1, type }, came, change);
        const sentKey = change.key && Buffer.from(keyText(change.key));
        const slow = orRefused(() => {
          const received = decodeChange(type, sent, { table, lane: 5 });
          const governed = tableRedaction(plans, tokens, seals)(stamp(received), secret);
          const value = encodeGoverned(schema, shape, governed).toString('hex');
          return { value, key: governed.key && keyText(governed.key) };
        });
        const columns = (plan: PlannedContract) => redactedColumns(plan, tokens, plans.form);
        const release = new Release(type, { plans, columns, seals, shape, schema });
        for (let again = 0; again < 2; again++)
          expect(
            orRefused(() => {
              release.cursor.read(sent);
              release.write(secret, sentKey);
              const value = release.value.view().toString('hex');
              return { value, key: release.key.at > 0 ? release.key.view().toString() : null };
            }),
          ).toEqual(slow);
      }
    }),
    { numRuns: 600 },
  );
});

test('a record of another schema is a mistake that is told at once', () => {
  const type = avro.Type.forSchema({ type: 'record', name: 'Other', fields: [] });
  const plan = planned({
    table,
    revision: 'r1',
    key: [],
    tenant: null,
    subject: null,
    columns: [],
    graph: null,
  });
  const shape = governedShape(plan);
  const schema = { id: 2, type: typeOf(governedSchema(shape)) };
  expect(
    () => new Release(type, { plans: alike(plan), columns: () => [], seals, shape, schema }),
  ).toThrow(TypeError);
});
