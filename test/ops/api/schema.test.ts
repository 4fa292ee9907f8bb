import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import type { graphql as execute } from 'graphql';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  type Call,
  type Field,
  field,
  type Guard,
  guardedSchema,
} from '../../../ops/api/schema.ts';

/** The very module that the schema is made of: the test runner would take its other form. */
const { graphql } = createRequire(import.meta.url)('graphql') as { graphql: typeof execute };

const directive = 'directive @auth(abac: String!) on FIELD_DEFINITION';
const answers: Field = field(z.object({}), { answer: () => Promise.resolve('an answer') });
const through: Guard = (served, args, call) => served.field.answer(args, call);
const call = { claims: {}, signal: new AbortController().signal } as Call;

const name = fc.stringMatching(/^[a-z]{1,8}$/);
const declared = fc.uniqueArray(
  fc.record({
    name,
    root: fc.constantFrom('Query', 'Mutation'),
    auth: fc.constantFrom('', ' @auth(abac: "admin.write")', ' @auth(abac: "")', ' @deprecated'),
    isAnswered: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8, selector: ({ root, name: own }) => `${root}.${own}` },
);

test('no schema is served that has a field without @auth, or one that nothing answers', async () => {
  await fc.assert(
    fc.asyncProperty(declared, async (fields) => {
      const sdl = [
        directive,
        'type Query { anchor: String @auth(abac: "catalog.read") }',
        ...fields.map(
          (each) =>
            `type ${each.root} { ${each.name === 'anchor' ? 'other' : each.name}: String${each.auth} }`,
        ),
      ];
      const named = fields.map((each) => ({
        ...each,
        path: `${each.root}.${each.name === 'anchor' ? 'other' : each.name}`,
      }));
      const answering = Object.fromEntries([
        ['Query.anchor', answers],
        ...named.flatMap(({ path, isAnswered }) => (isAnswered ? [[path, answers]] : [])),
      ]) as Record<string, Field>;
      const isWhole = named.every((each) => each.isAnswered && each.auth.includes('admin.write'));
      const serve = () => guardedSchema(sdl, answering, through);
      if (!isWhole) expect(serve).toThrow(/contracts\/graphql/);
      else expect(serve().getQueryType()?.getFields()).toHaveProperty('anchor');
    }),
  );
});

test('every fault is told at once, by the name of its field', () => {
  const sdl = [directive, 'type Query { bare: String lost: String @auth(abac: "a.b") }'];
  expect(() =>
    guardedSchema(sdl, { 'Query.bare': answers, 'Query.gone': answers }, through),
  ).toThrow(
    /Query\.bare: has no @auth[^]*Query\.lost: nothing answers it[^]*Query\.gone: is in no SDL/,
  );
});

test('subscriptions are not served', () => {
  const sdl = [
    directive,
    'type Query { a: String @auth(abac: "a.b") }',
    'type Subscription { s: String @auth(abac: "a.b") }',
  ];
  expect(() => guardedSchema(sdl, { 'Query.a': answers }, through)).toThrow(/Subscription/);
});

test('whatever is asked, the guard is asked first, with the ability of the field', async () => {
  const sdl = [
    directive,
    'type Query { a: String @auth(abac: "a.read") b: String @auth(abac: "b.read") }',
  ];
  const asked: string[] = [];
  const guard: Guard = (served, _args, _call, operation) => {
    asked.push(`${served.name} ${served.ability} ${operation}`);
    return Promise.reject(new Error('no'));
  };
  const schema = guardedSchema(sdl, { 'Query.a': answers, 'Query.b': answers }, guard);
  const source = 'query Both { a ...f } fragment f on Query { b again: a }';
  const { data } = await graphql({ schema, source, contextValue: call });
  expect(data).toEqual({ a: null, b: null, again: null });
  expect(asked.toSorted()).toEqual([
    'Query.a a.read Both',
    'Query.a a.read Both',
    'Query.b b.read Both',
  ]);
});

test('every SDL of contracts/graphql has its @auth as the seeds have it', async () => {
  const folder = 'contracts/graphql';
  const names = await readdir(folder);
  const text = (
    await Promise.all(names.map((file) => readFile(`${folder}/${file}`, 'utf8')))
  ).join();
  expect(text).toContain(
    'setRedactionRule(rule: RedactionRuleInput!): Boolean @auth(abac: "admin.write")',
  );
  expect(text).toContain(
    'enablePrivacyV2(tenantId: ID!, enabled: Boolean!): Boolean @auth(abac: "admin.write")',
  );
});
