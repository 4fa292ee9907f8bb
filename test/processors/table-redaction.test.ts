import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Rule, TableContract } from '../../contracts/contract.ts';
import { isConfidential } from '../../contracts/contract.ts';
import { PolicyFailure } from '../../contracts/policy/bundle.ts';
import { lattice } from '../../contracts/strictness.ts';
import type { TablePlans } from '../../contracts/policy/table-plans.ts';
import { stamp } from '../../processors/provenance.ts';
import { columnSealer, openColumn } from '../../processors/seal-column.ts';
import { tableRedaction } from '../../processors/table-redaction.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { encodeValues } from '../../schemas/secret.ts';
import { type Row, unchanged } from '../../schemas/value.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import { plansOf } from './plans.ts';
import {
  changeOf,
  column,
  contract as anyContract,
  decoded,
  marker,
  secretPhone,
  users,
} from './tables.ts';

const keyring = new MemoryKeyring();
const tokens = tokeniser(keyring);
const noSecret = { before: null, after: null };

const redact = (plans: TablePlans) => tableRedaction(plans, tokens, columnSealer(keyring));

/** Records as no contract expects them: columns added, dropped, renamed, retyped. */
const arriving = (of: TableContract) =>
  fc.record({
    change: changeOf(of),
    dropped: fc.subarray(of.columns.map(({ name }) => name)),
    added: fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => of.columns.every((each) => each.name !== name)),
      fc.constant(`${marker} of no contract`),
    ),
    retyped: fc.subarray(of.columns.map(({ name }) => name)),
  });

const worlds = anyContract.chain((of) =>
  fc.tuple(
    fc.constant(of),
    arriving(of),
    fc.tuple(...of.columns.map(() => fc.constantFrom(...lattice))),
    fc.tuple(...of.columns.map(() => fc.constantFrom(...lattice))),
  ),
);

test('whatever comes and whatever policy decides: no column without `keep` leaves as it came, and none unknown leaves', () => {
  let passed = 0;
  fc.assert(
    fc.property(worlds, ([of, { change, dropped, added, retyped }, everybody, own]) => {
      const at = (name: string) => of.columns.findIndex((each) => each.name === name);
      const allowed = (name: string, tenant: string | null): Rule =>
        of.key.includes(name)
          ? of.columns[at(name)]!.rule
          : ((tenant === null ? everybody : own)[at(name)] ?? 'drop');
      const numbers = new Map(of.columns.map(({ name }, index) => [name, 990_001 + index]));
      const came = (row: Row | null, wanted: boolean): Row | null =>
        row &&
        Object.fromEntries(
          [...Object.entries(row), ...Object.entries(added)].flatMap(([name, value]) => {
            const known = of.columns[at(name)];
            if (dropped.includes(name) && !of.key.includes(name)) return [];
            if (known && isConfidential(known) !== wanted) return [];
            const isNew =
              retyped.includes(name) &&
              typeof value === 'string' &&
              !of.key.includes(name) &&
              name !== of.tenant;
            return [[name, isNew ? numbers.get(name)! : value]];
          }),
        );
      const { before, after } = change;
      const stamped = stamp({
        ...change,
        before: came(before, false),
        after: came(after, false),
        sealed: null,
      });
      const secret = { before: came(before, true), after: came(after, true) };
      const tenant = of.tenant === null ? null : `${String((after ?? before)?.[of.tenant])}`;
      let out;
      let plans;
      try {
        plans = plansOf(of, allowed, tenant === null ? [] : [tenant]);
        out = redact(plans)(stamped, secret);
      } catch (error) {
        expect(error instanceof Refusal || error instanceof PolicyFailure).toBe(true);
        return;
      }
      passed++;
      for (const [image, plain, hidden] of [
        [out.before, stamped.before, secret.before],
        [out.after, stamped.after, secret.after],
      ] as const) {
        if (!image) continue;
        const told = of.tenant === null ? null : plain?.[of.tenant];
        const isTold = of.tenant === null || typeof told === 'string';
        const plan = isTold ? (plans.tenants.get(String(told)) ?? plans.everybody) : plans.untold;
        for (const [name, value] of Object.entries(image)) {
          const planned = plan?.columns[at(name)];
          expect(planned?.name).toBe(name);
          if (planned?.rule === 'keep' || value === null || value === unchanged) continue;
          expect(planned?.rule).not.toBe('drop');
          for (const origin of [plain, hidden])
            if (origin && Object.hasOwn(origin, name))
              expect(String(value)).not.toBe(String(origin[name]));
          expect(String(value)).not.toMatch(/^(open|CONFIDENTIAL) c/);
        }
      }
      const text = encodeValues({ before: out.before, after: out.after });
      expect(text).not.toContain('of no contract');
      for (const hidden of [marker, secretPhone]) expect(text).not.toContain(hidden);
    }),
    { numRuns: 1_000 },
  );
  expect(passed).toBeGreaterThan(300);
});

const row = (id: string, tenant: string) => ({
  id,
  tenant_id: tenant,
  email: null,
  phone: null,
  city: 'Bern',
});
const change = (...given: Parameters<typeof decoded>) =>
  stamp({ ...decoded(...given), sealed: null });

/** Tenant 7 does not want its cities known. */
const careful = plansOf(
  users,
  (name, tenant) => (name === 'city' && tenant === '7' ? 'mask' : 'keep'),
  ['7'],
);

test('a tenant with rules of its own has a plan of its own, and others have everybody’s', () => {
  const see = (tenant: string) =>
    redact(careful)(change('insert', { after: row('1', tenant) }), noSecret).after;
  expect(see('7')).toMatchObject({ city: '***' });
  expect(see('8')).toMatchObject({ city: 'Bern' });
});

test('where no tenant has rules of its own, every row goes the same way', () => {
  const { tenants, form, everybody } = plansOf(users, () => 'keep');
  expect(tenants.size).toBe(0);
  expect(form).toBe(everybody);
});

test('each image of a row that moved from tenant to tenant goes by its own tenant’s plan', () => {
  const moved = change('update', { before: row('1', '7'), after: row('1', '8') });
  expect(redact(careful)(moved, noSecret)).toMatchObject({
    before: { city: '***' },
    after: { city: 'Bern' },
  });
});

test('a row that does not tell its tenant goes by the strictest of all plans', () => {
  const gone = change('delete', { before: { id: '1', city: 'Bern' } });
  expect(redact(careful)(gone, noSecret)).toMatchObject({
    key: { id: '1' },
    before: { id: '1', city: '***' },
  });
});

test('where the keys of tenants differ, a row that does not tell its tenant is refused', () => {
  const plans = plansOf(
    users,
    (name, tenant) => (name === 'id' && tenant === '7' ? 'tokenise' : 'keep'),
    ['7'],
  );
  const gone = () => redact(plans)(change('delete', { before: { id: '1' } }), noSecret);
  expect(gone).toThrow(Refusal);
  expect(gone).toThrow('column tenant_id');
});

test('rows of all tenants have one form: a column that any may read is there, and text if any has it as text', () => {
  const of = {
    ...users,
    columns: [
      column('id'),
      column('tenant_id'),
      { ...column('age'), type: 'integer' },
      column('city'),
    ],
  };
  const plans = plansOf(
    of,
    (name, tenant) => {
      if (name === 'age') return tenant === '7' ? 'mask' : 'keep';
      return name === 'city' && tenant === '7' ? 'drop' : 'keep';
    },
    ['7'],
  );
  const see = (tenant: string) =>
    redact(plans)(
      change('insert', { after: { id: '1', tenant_id: tenant, age: 40, city: 'Bern' } }),
      noSecret,
    ).after;
  expect(see('7')).toEqual({ id: '1', tenant_id: '7', age: '***', city: null });
  expect(see('8')).toEqual({ id: '1', tenant_id: '8', age: '40', city: 'Bern' });
  expect(plans.form.columns.map(({ rule }) => rule)).toEqual(['keep', 'keep', 'mask', 'keep']);
});

const sealing = plansOf(users, (name) => (name === 'city' || name === 'email' ? 'seal' : 'keep'));
const owner = { tenant: '1', domain: 'public.users.id', subject: '9' };
const sealedRow = { id: '9', tenant_id: '1', phone: null, city: 'Bern' };
const secret = { before: { email: 'old@x' }, after: { email: marker } };

test('a sealed column is a box that only the keyring opens, the same bytes each time, no two alike', () => {
  const once = change('update', { before: sealedRow, after: sealedRow });
  const out = redact(sealing)(once, secret);
  expect(encodeValues(out)).not.toContain(marker);
  expect(encodeValues(out)).not.toContain('Bern');
  expect(redact(sealing)(once, secret)).toEqual(out);
  const boxes = [
    out.before!['city'],
    out.after!['city'],
    out.before!['email'],
    out.after!['email'],
  ].map(String);
  expect(boxes.map((box) => openColumn(keyring, box))).toEqual(['Bern', 'Bern', 'old@x', marker]);
  const nonces = boxes.map((box) => Buffer.from(box, 'base64').subarray(17, 29).toString('hex'));
  expect(new Set(nonces).size).toBe(4);
});

test('whoever is erased is erased in sealed columns too, and nothing new is sealed for them', () => {
  const forgetful = new MemoryKeyring();
  const seal = tableRedaction(sealing, tokens, columnSealer(forgetful));
  const once = change('insert', { after: sealedRow });
  const box = String(seal(once, secret).after!['city']);
  forgetful.destroy(owner);
  expect(openColumn(forgetful, box)).toBeNull();
  expect(seal(once, secret).after).toMatchObject({ city: null, email: null });
});

test('what tells neither subject nor tenant cannot be sealed, and is refused by the column’s name', () => {
  const nobody = { ...sealedRow, id: null, tenant_id: null };
  const seal = () => redact(sealing)(change('insert', { after: nobody }), noSecret);
  expect(seal).toThrow(Refusal);
  expect(seal).toThrow('column city');
  expect(seal).not.toThrow('Bern');
});
