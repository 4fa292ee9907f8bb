import { expect, test } from 'vitest';
import { bundleOf, readBundle, shippedBundle } from '../../../contracts/policy/bundle.ts';
import { loadPolicy } from '../../../contracts/policy/policy.ts';
import type { Claims } from '../../../contracts/token-claims.ts';
import { letterChange, type LetterChange } from '../../../ops/letters/letter-change.ts';
import { type LetterSight, shownChange, tenantsOf } from '../../../ops/letters/letter-view.ts';
import type { RedactionRule } from '../../../ops/rollout/redaction-rules.ts';
import { encodeValues } from '../../../schemas/secret.ts';
import { type Row, unchanged } from '../../../schemas/value.ts';
import { column, decoded, marker, secretPhone, userRow, users } from '../../processors/tables.ts';

const { wasm, data, sources } = await readBundle(shippedBundle);
const policyWith = (...rules: readonly object[]) =>
  loadPolicy(bundleOf({ wasm, dataText: JSON.stringify({ ...data, rules }), sources }, 'a test'));
const policy = await policyWith();

const claims: Claims = {
  iss: 'conductor',
  aud: 'conductor-api',
  jti: 'j',
  iat: 0,
  nbf: 0,
  exp: 900,
  sub: 'ada',
  tenant: '1',
  roles: ['high-clearance'],
  purpose: 'support',
};
const sight: LetterSight = {
  policy,
  published: { roles: [], purpose: 'operations' },
  tokens: () => (tenant, value) => `token(${tenant},${value})`.length.toString(),
  open: () => 'opened',
  contract: users,
  claims,
  orders: [],
};

const whole: Row = { ...userRow, phone: secretPhone };
const captured = (after: Row, before: Row | null = null): LetterChange => ({
  form: 'source',
  table: users.table,
  op: before ? 'update' : 'insert',
  before,
  after,
  secret: { before, after },
});
const governed = (after: Row): LetterChange => ({
  form: 'governed',
  table: users.table,
  op: 'insert',
  before: null,
  after,
});

test('what capture refused is shown as its contract has it published, and no more', () => {
  const { after } = shownChange(captured(whole), sight);
  const { phone, ...others } = after!.values;
  expect(others).toEqual({ id: '7', tenant_id: '1', email: '***', city: 'Bern' });
  expect(phone).toMatch(/^\d+$/);
  expect(JSON.stringify(after)).not.toContain(marker);
  expect(JSON.stringify(after)).not.toContain(secretPhone);
});

test('what was sealed within is shown as its contract has it published, too', () => {
  const { email, phone, ...open } = whole;
  const secret = { before: null, after: { email: email!, phone: phone! } };
  const { after } = shownChange({ ...captured(open), secret } as LetterChange, sight);
  expect(after!.unchanged).toEqual([]);
  expect(after!.values).toMatchObject({ email: '***', city: 'Bern' });
  expect(JSON.stringify(after)).not.toContain(secretPhone);
});

test('a reader’s policy and a person’s orders narrow it further', async () => {
  const dropped = await policyWith({
    name: 'no-cities',
    level: 'dataset',
    when: { datasets: ['public.users'], columns: ['city'] },
    action: 'drop',
  });
  for (const change of [captured(whole), governed({ ...whole, email: '***', phone: 't' })]) {
    const narrow = shownChange(change, { ...sight, policy: dropped });
    expect(narrow.after!.values).not.toHaveProperty('city');
    const order: RedactionRule = {
      field: 'public.users.city',
      tier: 'high-clearance',
      tenant: null,
    };
    expect(shownChange(change, { ...sight, orders: [order] }).after!.values['city']).toBe('***');
  }
});

test('what a reader’s plan seals he does not see', async () => {
  const sealed = await policyWith({
    name: 'sealed-cities',
    level: 'dataset',
    when: { datasets: ['public.users'], columns: ['city'] },
    action: 'seal',
  });
  for (const change of [captured(whole), governed({ ...whole, email: '***', phone: 't' })])
    expect(shownChange(change, { ...sight, policy: sealed }).after!.values).not.toHaveProperty(
      'city',
    );
});

test('a column that no contract has, or that was not sent, is not shown', () => {
  for (const change of [
    captured({ ...whole, extra: marker, city: unchanged }),
    governed({ ...whole, email: '***', extra: marker, city: unchanged }),
  ]) {
    const { after } = shownChange(change, sight);
    expect(after!.unchanged).toEqual(['city']);
    expect(after!.values).not.toHaveProperty('city');
    expect(JSON.stringify(after)).not.toContain(marker);
  }
});

test('a value that its hierarchy does not cover is masked: it may be why there is a letter', () => {
  const hierarchy = {
    kind: 'intervals',
    from: 0,
    to: 10,
    widths: [5],
    level: 1,
  } as const;
  const city = { ...column('city', 'internal', 'generalise'), hierarchy };
  const contract = {
    ...users,
    columns: users.columns.map((each) => (each.name === 'city' ? city : each)),
  };
  const shown = shownChange(captured({ ...whole, city: '99' }), { ...sight, contract });
  expect(shown.after!.values['city']).toBe('***');
});

test('a row that moved is both tenants’, and one that does not tell its tenant is nobody’s', () => {
  const moved = captured({ ...whole, tenant_id: '2' }, whole);
  expect(tenantsOf(moved, users)).toEqual(['1', '2']);
  expect(tenantsOf(captured(whole, { ...whole, tenant_id: unchanged }), users)).toEqual(['1']);
  const { tenant_id: _, ...untold } = whole;
  expect(tenantsOf(captured(untold), users)).toEqual([null]);
  expect(tenantsOf(captured({ ...whole, tenant_id: null }), users)).toEqual([null]);
  expect(tenantsOf(captured(whole), { tenant: null })).toEqual([null]);
  expect(shownChange(captured(untold), sight).after!.values['phone']).toBe('***'); // For whom, nobody knows.
});

const registry = { learn: async () => {}, type: () => undefined };
const opens = () => ({ before: null, after: { email: marker } });
const payloadOf = (value: object) => Buffer.from(encodeValues(value));

test('each form of payload is told apart', async () => {
  const change = decoded('insert', { after: whole });
  const read = (value: object) => letterChange(payloadOf(value), registry, opens);
  expect(await read(change)).toMatchObject({ form: 'source', secret: { after: whole } });
  expect(await read({ ...change, sealed: Buffer.of(1) })).toMatchObject({
    form: 'source',
    after: whole,
    secret: { after: { email: marker } },
  });
  expect(await read({ ...change, provenance: 'p', policy: 'r' })).toMatchObject({
    form: 'governed',
  });
});

test('what cannot be told column by column is not shown', async () => {
  const record = { topic: 'cdc.shop.public.users', partition: 3, key: null, headers: [] };
  const read = (payload: Buffer) => letterChange(payload, registry, () => null);
  expect(await read(payloadOf({ ...record, value: 'AAAA' }))).toBe('no-change');
  expect(await read(payloadOf({ ...record, value: null }))).toBe('no-change');
  for (const text of ['no JSON', '7', 'null', '["bigint","x"]'])
    expect(await read(Buffer.from(text))).toBe('no-change');
  const sealed = { ...decoded('insert', { after: whole }), sealed: Buffer.of(1) };
  expect(await read(payloadOf(sealed))).toBe('erased');
});
