import { GraphQLError } from 'graphql';
import { z } from 'zod';
import { PolicyFailure } from '../../contracts/policy/bundle.ts';
import type { Policy } from '../../contracts/policy/policy.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import { log } from '../log.ts';
import type { ApiMetrics } from './api-metrics.ts';
import type { Audit } from './audit.ts';
import { kindOf } from './error-kind.ts';
import { type About, denied, rule, type Ruling } from './judge.ts';
import { refused } from './refused.ts';
import type { Guard, Served } from './schema.ts';

/** Decides by policy, notes the decision, and answers only what is allowed and noted. */
export function guardBy(policy: () => Policy, audit: Audit, told: ApiMetrics['call']): Guard {
  return async (served, args, call, operation) => {
    const asking = { served, claims: call.claims, operation, by: policy() };
    const { about, ruling } = await noted(asking, args).catch((error: unknown) => {
      told(served.name, 'unavailable');
      log.error({ field: served.name, error: kindOf(error) }, 'a call was not decided or noted');
      throw refused(
        'UNAVAILABLE',
        'the call could not be decided and noted, and so is not answered',
      );
    });
    told(served.name, ruling.allowed ? 'allowed' : 'denied');
    if (about instanceof GraphQLError) throw about;
    if (!ruling.allowed) throw forbidden(served, ruling);
    return served.field.answer(args, call).catch((error: unknown) => {
      throw unanswered(served, error);
    });
  };

  async function noted(asking: Asking, args: unknown) {
    const { served, claims, operation, by } = asking;
    const about = aboutOf(served, args, claims);
    const ruling = await ruled(asking, about);
    await audit.note({
      claims,
      field: served.name,
      ability: served.ability,
      operation,
      dataset: about instanceof GraphQLError ? null : (about.dataset ?? null),
      ...ruling,
      revision: by.revision,
    });
    return { about, ruling };
  }

  async function ruled({ served, claims, by }: Asking, about: About | GraphQLError) {
    if (about instanceof GraphQLError) return denied('bad-input');
    const ruling = rule(by, served.ability, claims, about);
    if (!ruling.allowed || !claims.once || (await audit.spend(claims))) return ruling;
    return denied('replayed');
  }
}

/** What a caller is told of an answer that failed: nothing that a database or a policy says of it. */
function unanswered({ name }: Served, error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  log.error({ field: name, error: kindOf(error) }, 'a call was not answered');
  if (error instanceof PolicyFailure)
    return refused('UNAVAILABLE', 'policy cannot be evaluated, and so nothing is shown');
  return refused('UNAVAILABLE', 'it could not be answered; the log of the host says more');
}

interface Asking {
  readonly served: Served;
  readonly claims: Claims;
  readonly operation: string | null;
  readonly by: Policy;
}

/** What a call is about, or what is wrong with its arguments. */
function aboutOf({ name, field }: Served, args: unknown, claims: Claims): About | GraphQLError {
  try {
    return field.about(args, claims);
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    if (!(error instanceof z.ZodError)) throw error;
    const [{ path, message } = { path: [], message: 'malformed' }] = error.issues;
    return refused('BAD_USER_INPUT', `${name}: ${path.join('.') || 'its arguments'}: ${message}`);
  }
}

const forbidden = ({ ability }: Served, { reason, rules }: Ruling): GraphQLError =>
  refused(
    'FORBIDDEN',
    `${ability} is denied: ${words[reason] ?? (rules.length > 0 ? `by ${rules.join(', ')}` : 'no rule of policy allows it')}`,
    reason,
  );

const words: Readonly<Record<string, string>> = {
  'another-tenant': 'it is about another tenant than the token is for',
  'authorization-details': 'the details of the token grant something else',
  'unknown-purpose': 'policy knows no such purpose as the token has',
  'policy-scope': 'the scopes of the token do not reach it',
  replayed: 'the token was good for one call, and that was made',
};
