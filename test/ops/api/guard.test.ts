import { expect, test } from 'vitest';
import { z } from 'zod';
import { PolicyFailure } from '../../../contracts/policy/bundle.ts';
import { policyOf } from '../../../contracts/policy/policy.ts';
import type { Audit, AuditEntry } from '../../../ops/api/audit.ts';
import { guardBy } from '../../../ops/api/guard.ts';
import { refused } from '../../../ops/api/refused.ts';
import { type Call, field } from '../../../ops/api/schema.ts';

const data = { purposes: ['operations'], roles: ['analyst'], rules: [], grants: [] };
const policy = policyOf({ revision: 'p1', data }, (_entrypoint, input) => {
  const { action } = input as { readonly action: string };
  return { action, allow: true, level: 'purpose', rules: ['r'], conflicts: [] };
});
const call = {
  claims: { sub: 'ada', tenant: '1', roles: ['analyst'], purpose: 'operations' },
  signal: new AbortController().signal,
} as unknown as Call;

/** What becomes of a call whose field says by `about` what it is about. */
async function called(about: () => object) {
  const noted: AuditEntry[] = [];
  const told: string[] = [];
  const audit: Audit = {
    note: async (entry) => void noted.push(entry),
    spend: async () => true,
    forget: async () => {},
  };
  const guard = guardBy(
    () => policy,
    audit,
    (_field, outcome) => told.push(outcome),
  );
  const asked = field(z.object({}), { about, answer: async () => 'an answer' });
  const served = { name: 'Query.rows', ability: 'data.read', field: asked };
  const answer: unknown = await guard(served, {}, call, null).catch((error: unknown) => error);
  return { answer, noted, told };
}

test('what is allowed is noted, and answered', async () => {
  const { answer, noted, told } = await called(() => ({ dataset: 'public.users' }));
  expect(answer).toBe('an answer');
  expect(noted).toMatchObject([{ allowed: true, dataset: 'public.users' }]);
  expect(told).toEqual(['allowed']);
});

test('what is asked wrongly is noted as such, and told of', async () => {
  const { answer, noted, told } = await called(() => {
    throw refused('BAD_USER_INPUT', 'there is no such table');
  });
  expect(answer).toMatchObject({ message: 'there is no such table' });
  expect(noted).toMatchObject([{ allowed: false, reason: 'bad-input' }]);
  expect(told).toEqual(['denied']);
});

test('where policy fails before it is known what a call is about, that is an outage, and is counted', async () => {
  const { answer, noted, told } = await called(() => {
    throw new PolicyFailure({ what: 'policy p1 fails', where: 'table t', fix: 'correct it' });
  });
  expect(answer).toMatchObject({ extensions: { code: 'UNAVAILABLE' } });
  expect(`${String(answer)}`).not.toContain('p1');
  expect(noted).toEqual([]);
  expect(told).toEqual(['unavailable']);
});
