import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ColumnContract, TableContract } from '../../contracts/contract.ts';
import { isConfidential } from '../../contracts/contract.ts';
import { stamp } from '../../processors/provenance.ts';
import { redaction } from '../../processors/redact.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { unsealing } from '../../processors/unseal.ts';
import type { Decoded, Governed, Stamped } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { encodeValues } from '../../schemas/secret.ts';
import { keyText, unchanged, type Row } from '../../schemas/value.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import {
  changeOf,
  column,
  contract,
  decoded,
  marker,
  planned,
  rowOf,
  secretPhone,
  userRow,
  users,
} from './tables.ts';
import { sealing } from '../../processors/seal-change.ts';

const keyring = new MemoryKeyring();
const tokens = tokeniser(keyring);
const token = /^[\w-]{22}$/;
const nothing = { before: null, after: null };

const stamped = (...given: Parameters<typeof decoded>): Stamped =>
  stamp({ ...decoded(...given), sealed: null });

/** From capture to govern, as a record goes; null if it was refused on the way. */
function governed(of: TableContract, change: Decoded): Governed | null {
  const seal = sealing(new Map([[of.table, of]]), keyring, tokens, 12, () => {});
  try {
    const [sealed] = seal(change);
    const secret = sealed && unsealing(keyring, () => {})(sealed);
    return sealed && secret ? redaction(planned(of), tokens).change(stamp(sealed), secret) : null;
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

const journeys = contract.chain((of) => fc.tuple(fc.constant(of), changeOf(of)));

test('no column without `keep` ever leaves as it came, and what has no rule or `drop` does not leave at all', () => {
  fc.assert(
    fc.property(journeys, ([of, change]) => {
      const out = governed(of, change);
      if (!out) return;
      const { before, after, key, ...rest } = out;
      const released = of.columns.filter(({ rule }) => rule !== 'drop').map(({ name }) => name);
      for (const image of [before, after])
        if (image) expect(Object.keys(image).sort()).toEqual(released.toSorted());
      const text = encodeValues({ before, after, key, rest });
      for (const secret of [marker, secretPhone]) expect(text).not.toContain(secret);
      for (const [image, was] of [
        [before, change.before],
        [after, change.after],
      ] as const)
        for (const each of of.columns)
          if (image && each.name in image)
            expect(wantedOf(was, each, image === before)).toContain(asRule(image, each, was));
    }),
    { numRuns: 1_000 },
  );
});

/** What was done to a value, as it shows. */
function asRule(image: Row, { name, tokenForm }: ColumnContract, was: Row | null): string {
  const value = image[name];
  const origin = String(was?.[name]);
  if (value === null || value === unchanged) return String(value);
  if (tokenForm && value !== origin && looksOf(String(value)) === looksOf(origin))
    return 'tokenise';
  if (value === '***') return 'mask';
  if (typeof value === 'string' && /^..\*$/.test(value)) return 'generalise';
  return typeof value === 'string' && token.test(value) ? 'tokenise' : `keep ${String(value)}`;
}

const looksOf = (text: string) =>
  text.replaceAll(/\d/g, '9').replaceAll(/[a-z]/g, 'a').replaceAll(/[A-Z]/g, 'A');

/** An old row that is another's is not told: what is confidential in it does not leave capture. */
function wantedOf(was: Row | null, of: ColumnContract, old: boolean): readonly string[] {
  const value = was?.[of.name];
  const untold = old && isConfidential(of) ? [String(unchanged)] : [];
  if (value === undefined || value === unchanged) return [String(unchanged)];
  if (value === null) return [String(value), ...untold];
  return [of.rule === 'keep' ? `keep ${String(value)}` : of.rule, ...untold];
}

test('a whole change comes out the same however often it is governed', () => {
  fc.assert(
    fc.property(journeys, ([of, change]) => {
      expect(governed(of, change)).toEqual(governed(of, change));
    }),
  );
});

const plain = (name: string) => tokens({ name, form: null });
const id7 = plain('public.users.id')('1', '7');
const rules = [
  { name: 'keeps what is to be kept', rule: 'keep', value: 'Bern', want: 'Bern' },
  { name: 'masks', rule: 'mask', value: 'Bern', want: '***' },
  { name: 'masks without telling the length', rule: 'mask', value: '', want: '***' },
  { name: 'masks what is no text', rule: 'mask', value: 7n, want: '***' },
  { name: 'tokenises', rule: 'tokenise', value: '7', want: plain('public.users.city')('1', '7') },
  { name: 'leaves null null: absence is no secret', rule: 'mask', value: null, want: null },
  { name: 'leaves null null, tokenised', rule: 'tokenise', value: null, want: null },
  { name: 'leaves unchanged unchanged', rule: 'mask', value: unchanged, want: unchanged },
] as const;

for (const { name, rule, value, want } of rules)
  test(`redact ${name}`, () => {
    const of = {
      ...users,
      columns: [column('id'), column('tenant_id'), column('city', 'internal', rule)],
    };
    const out = redaction(planned(of), tokens).change(
      stamped('insert', { after: { id: '7', tenant_id: '1', city: value } }),
      nothing,
    );
    expect(out.after).toEqual({ id: '7', tenant_id: '1', city: want });
  });

test('a confidential column is taken from the box alone, whatever stands beside it in the clear', () => {
  const clean = redaction(planned(users), tokens);
  const change = stamped('insert', { after: { ...userRow, phone: marker } });
  const out = clean.change(change, { before: null, after: { email: marker, phone: '7' } });
  expect(out.after).toMatchObject({ email: '***', phone: plain('public.users.phone')('1', '7') });
  expect(clean.change(change, nothing).after).toMatchObject({ email: null, phone: null });
});

const absent = [
  { name: 'a new row', op: 'insert', want: null },
  { name: 'a changed row, which keeps what it had', op: 'update', want: unchanged },
] as const;

for (const { name, op, want } of absent)
  test(`a column that the table no longer has is ${String(want)} in ${name}`, () => {
    const { city: _, ...after } = userRow;
    const out = redaction(planned(users), tokens).change(
      stamped(op, { before: after, after }),
      nothing,
    );
    expect(out.after).toMatchObject({ email: want, phone: want, city: want });
    expect(out.before).toMatchObject({ email: unchanged, phone: unchanged, city: unchanged });
  });

test('a governed change has neither box nor secret, says its policy, and keeps its identity', () => {
  const change = { ...stamped('insert', { after: userRow }), sealed: Buffer.from('box') };
  const out = redaction(planned(users), tokens).change(change, {
    before: null,
    after: { email: marker },
  });
  expect(out).not.toHaveProperty('sealed');
  expect(out.policy).toBe('p1/r1');
  expect(out.position).toEqual(change.position);
  expect(out.provenance).toBe('pg:7000/1/slot@0/A/0.0');
});

test('a tokenised key is the token of its column; a confidential one, tokenised at capture, stays', () => {
  const open = { ...users, columns: [column('id', 'internal', 'tokenise'), column('tenant_id')] };
  const change = stamped('insert', { after: { id: '7', tenant_id: '1' } });
  expect(redaction(planned(open), tokens).change(change, nothing)).toMatchObject({
    key: { id: id7 },
    after: { id: id7 },
  });
  const secret = {
    ...open,
    columns: [column('id', 'restricted', 'tokenise'), column('tenant_id')],
  };
  const captured = { ...change, key: { id: id7 } };
  const out = redaction(planned(secret), tokens).change(captured, {
    before: null,
    after: { id: '7' },
  });
  expect(out).toMatchObject({ key: { id: id7 }, after: { id: id7 } });
});

test('a key keeps its order, so that it has one text all along the way', () => {
  const of = {
    ...users,
    key: ['b', 'a'],
    columns: [column('a'), column('b'), column('tenant_id')],
  };
  const change = stamped('insert', { after: { a: '1', b: '2', tenant_id: '1' } }, of);
  expect(keyText(redaction(planned(of), tokens).change(change, nothing).key!)).toBe(
    keyText(change.key!),
  );
});

test('a foreign key’s token is that of the key it references, so that joins still meet', () => {
  const references = { table: 'public.users', column: 'id' };
  const of: TableContract = {
    ...users,
    table: 'public.orders',
    columns: [{ ...column('user_id', 'internal', 'tokenise'), references }, column('tenant_id')],
  };
  const row = { user_id: '7', tenant_id: '1' };
  expect(redaction(planned(of), tokens).row(row, null, () => '1')).toMatchObject({ user_id: id7 });
});

test('a token of a form is the same in the key that capture writes, in its row, and in what points to it', () => {
  const form = { tokenForm: 'digits' as const };
  const id = { ...column('id', 'restricted', 'tokenise'), ...form };
  const owner = { ...id, name: 'owner', references: { table: 'public.users', column: 'id' } };
  const row = { id: secretPhone, owner: secretPhone, tenant_id: '1' };
  const out = governed(
    { ...users, columns: [id, owner, column('tenant_id')] },
    decoded('insert', { after: row }),
  );
  const made = tokens({ name: 'public.users.id', form: 'digits' })('1', secretPhone);
  expect(out).toMatchObject({ key: { id: made }, after: { id: made, owner: made } });
  expect(made).toMatch(/^\+\d\d \d\d \d{3} \d\d \d\d$/);
});

test('what is to be tokenised for a tenant that is not told is refused by the column’s name', () => {
  const of = { ...users, columns: [column('id', 'internal', 'tokenise'), column('tenant_id')] };
  const clean = () =>
    redaction(planned(of), tokens).change(stamped('delete', { before: { id: marker } }), nothing);
  expect(clean).toThrow(Refusal);
  expect(clean).toThrow('column tenant_id');
  expect(clean).not.toThrow(marker);
});

test('what needs no token needs no tenant', () => {
  const out = redaction(planned(users), tokens).change(
    stamped('delete', { before: { id: '7' } }),
    nothing,
  );
  expect(out).toMatchObject({ key: { id: '7' }, before: { id: '7', city: unchanged } });
});

test('a row of any contract has exactly the columns that are released', () => {
  const worlds = contract.chain((of) => fc.tuple(fc.constant(of), rowOf(of)));
  fc.assert(
    fc.property(worlds, ([of, row]) => {
      const out = redaction(planned(of), tokens).row(row, row, () => '1');
      const released = of.columns.filter(({ rule }) => rule !== 'drop');
      expect(Object.keys(out)).toEqual(released.map(({ name }) => name));
      for (const each of released)
        for (const secret of [marker, secretPhone])
          if (isConfidential(each)) expect(String(out[each.name])).not.toContain(secret);
    }),
  );
});
