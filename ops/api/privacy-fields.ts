import { z } from 'zod';
import type { TableContract } from '../../contracts/contract.ts';
import type { Policy } from '../../contracts/policy/policy.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import type { RedactionRules } from '../rollout/redaction-rules.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { seesEveryTenant } from './judge.ts';
import { refused } from './refused.ts';
import { type Field, field } from './schema.ts';

interface Parts {
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly policy: () => Policy;
  readonly rollout: Rollout;
  readonly orders: RedactionRules;
}

const tenantId = z.string().min(1).max(256);

/** What answers contracts/graphql/privacy.graphql. */
export function privacyFields(parts: Parts): Readonly<Record<string, Field>> {
  const { policy, rollout, orders } = parts;
  return {
    'Query.privacyV2': field(z.object({ tenantId }), {
      about: ({ tenantId: tenant }) => ({ tenant }),
      answer: async ({ tenantId: tenant }) => {
        const { state, changedBy, changedAt } = await rollout.of(tenant);
        return { tenantId: tenant, state, changedBy, changedAt: changedAt?.toISOString() ?? null };
      },
    }),
    'Mutation.enablePrivacyV2': field(z.object({ tenantId, enabled: z.boolean() }), {
      about: ({ tenantId: tenant }) => ({ tenant }),
      answer: async ({ tenantId: tenant, enabled }, { claims }) => {
        const state = enabled ? 'on' : 'off';
        await rollout.move({ tenants: [tenant], state, by: claims.sub, why: 'enablePrivacyV2' });
        return true;
      },
    }),
    'Mutation.setRedactionRule': field(
      z.object({
        rule: z.object({
          field: z.string(),
          tier: z
            .string()
            .regex(/^[a-z][a-z0-9-]*(\+[a-z][a-z0-9-]*)*$/, 'a role, or several with + between'),
        }),
      }),
      {
        about: ({ rule }) => {
          knownField(parts.contracts, rule.field);
          knownTier(policy(), rule.tier);
          return {};
        },
        answer: async ({ rule }, { claims }) => {
          await orders.set({ ...rule, tenant: tenantOf(claims) }, claims.sub);
          return true;
        },
      },
    ),
    'Query.redactionRules': field(z.object({}), {
      answer: async (_, { claims }) => {
        const all = await orders.all();
        return all
          .filter(
            ({ tenant }) => tenant === null || seesEveryTenant(claims) || tenant === claims.tenant,
          )
          .map(({ tenant, by, at, ...rule }) => ({
            ...rule,
            tenantId: tenant,
            setBy: by,
            setAt: at.toISOString(),
          }));
      },
    }),
    'Query.policy': field(z.object({}), {
      answer: () => Promise.resolve({ revision: policy().revision }),
    }),
  };
}

/** An order holds for the tenant of whoever gives it, or for all where the token reaches all. */
const tenantOf = (claims: Claims): string | null =>
  seesEveryTenant(claims) ? null : claims.tenant;

function knownField(contracts: Parts['contracts'], name: string): void {
  const dot = name.lastIndexOf('.');
  const contract = contracts.get(name.slice(0, Math.max(dot, 0)));
  if (!contract?.columns.some((column) => column.name === name.slice(dot + 1)))
    throw refused(
      'BAD_USER_INPUT',
      'rule.field: name a column under contract, for example public.customers.email',
    );
}

/** Of a role that no token bears the order would hide nothing, and nobody would be told. */
function knownTier({ data }: Policy, tier: string): void {
  const unknown = tier.split('+').filter((role) => !data.roles.includes(role));
  if (unknown.length > 0)
    throw refused(
      'BAD_USER_INPUT',
      `rule.tier: policy knows no role ${unknown.join(', ')}; it knows ${data.roles.join(', ')}`,
    );
}
