import type { Decision, Policy } from '../../contracts/policy/policy.ts';
import { type Claims, everyTenant, scopesOf } from '../../contracts/token-claims.ts';

/** What a call is about, where that is another tenant than its bearer's, or a table. */
export interface About {
  readonly tenant?: string | null; // Null: it is about every tenant.
  readonly dataset?: string;
  readonly action?: 'read' | 'count';
}

/** What is decided of a call, and by what. */
export interface Ruling {
  readonly allowed: boolean;
  readonly reason: string;
  readonly rules: readonly string[];
}

/** Whether whoever bears this token may do that: first what the token is bound to, then what policy says. */
export function rule(policy: Policy, ability: string, claims: Claims, about: About): Ruling {
  const tenant = about.tenant === undefined ? claims.tenant : about.tenant;
  if (tenant !== claims.tenant && !seesEveryTenant(claims)) return denied('another-tenant');
  if (!isGranted(claims, about)) return denied('authorization-details');
  if (!policy.data.purposes.includes(claims.purpose)) return denied('unknown-purpose');
  const dataset = about.dataset ?? null;
  const { allow, level, rules } = decided(policy, ability, claims, { tenant, dataset });
  return { allowed: allow, reason: `policy-${level}`, rules };
}

/** What policy says of an ability, for whoever bears this token. */
export const decided = (
  policy: Policy,
  action: string,
  claims: Claims,
  about: { readonly tenant: string | null; readonly dataset: string | null },
): Decision => {
  const { roles, purpose } = claims;
  return policy.decide({ action, roles, purpose, scopes: scopesOf(claims), ...about });
};

/** Only a token that says so itself sees every tenant: no role brings it along. */
export const seesEveryTenant = (claims: Claims): boolean =>
  scopesOf(claims)?.includes(everyTenant) ?? false;

/** Denied by something else than policy. */
export const denied = (reason: string): Ruling => ({ allowed: false, reason, rules: [] });

/** A token with details is good for what they grant, and for nothing else. */
function isGranted(
  { authorization_details: details }: Claims,
  { dataset, action }: About,
): boolean {
  if (!details) return true;
  if (dataset === undefined || action === undefined) return false;
  return details.some(
    ({ actions, datatypes }) => actions.includes(action) && datatypes.includes(dataset),
  );
}
