import { type GraphQLObjectType, type GraphQLSchema, Kind } from 'graphql';
import { createSchema } from 'graphql-yoga';
import type { z } from 'zod';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import type { About } from './judge.ts';

/** One request of one bearer. */
export interface Call {
  readonly claims: Claims;
  readonly signal: AbortSignal;
}

/** What answers a field of Query or Mutation. */
export interface Field {
  /** What a call with these arguments is about; throws what a caller may be told of arguments that are wrong. */
  about(args: unknown, claims: Claims): About;
  answer(args: unknown, call: Call): Promise<unknown>;
}

/** A field whose arguments have a form of their own. */
export const field = <A>(
  form: z.ZodType<A>,
  {
    about = () => ({}),
    answer,
  }: {
    readonly about?: (args: A, claims: Claims) => About;
    readonly answer: (args: A, call: Call) => Promise<unknown>;
  },
): Field => ({
  about: (args, claims) => about(form.parse(args), claims),
  answer: (args, call) => answer(form.parse(args), call),
});

export interface Served {
  readonly name: string; // `Query.policy`
  readonly ability: string;
  readonly field: Field;
}

/** Decides, notes, and only then answers. */
export type Guard = (
  served: Served,
  args: unknown,
  call: Call,
  operation: string | null,
) => Promise<unknown>;

/**
 * The schema whose every field of Query and Mutation stands behind the guard. Refuses SDL with such a field
 * that has no @auth, or nothing that answers it, and what would answer a field that is not there.
 */
export function guardedSchema(
  sdl: readonly string[],
  fields: Readonly<Record<string, Field>>,
  guard: Guard,
): GraphQLSchema {
  const schema = createSchema({ typeDefs: sdl });
  const faults: string[] = [];
  if (schema.getSubscriptionType()) faults.push('Subscription: none are served');
  const left = new Set(Object.keys(fields));
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const one of Object.values(type?.getFields() ?? {})) {
      const name = `${type?.name}.${one.name}`;
      const ability = abilityOf(one);
      const answering = Object.hasOwn(fields, name) ? fields[name] : undefined;
      left.delete(name);
      if (ability === null) faults.push(`${name}: has no @auth(abac: "…")`);
      if (!answering) faults.push(`${name}: nothing answers it`);
      if (ability === null || !answering) continue;
      const served = { name, ability, field: answering };
      one.resolve = (_source, args: unknown, call: Call, { operation }) =>
        guard(served, args, call, operation.name?.value.slice(0, longestName) ?? null);
    }
  for (const name of left) faults.push(`${name}: is in no SDL`);
  if (faults.length > 0)
    throw new CannotRun({
      what: `the API cannot be served as it is declared:\n  ${faults.join('\n  ')}`,
      where: 'contracts/graphql',
      fix: 'give every field of Query and Mutation its @auth and what answers it',
    });
  return schema;
}

/** Of an operation's name, which its client chooses, no more than this is noted. */
const longestName = 64;

type RootField = ReturnType<GraphQLObjectType['getFields']>[string];

function abilityOf({ astNode }: RootField): string | null {
  const auth = astNode?.directives?.find(({ name }) => name.value === 'auth');
  const value = auth?.arguments?.find(({ name }) => name.value === 'abac')?.value;
  return value?.kind === Kind.STRING && /^[a-z][\w.-]*$/.test(value.value) ? value.value : null;
}
