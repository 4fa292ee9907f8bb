import { z } from 'zod';

const name = z.string().min(1);
const names = z.array(name).min(1).optional();
const levels = z.enum(['tenant', 'dataset', 'purpose']);

/** What a rule or grant asks for; what it does not speak of, it does not ask for. */
const situation = {
  tenants: names,
  datasets: names,
  purposes: names,
  roles: names,
};

const head = {
  name: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'a name in kebab-case'),
  level: levels,
  unless: z.strictObject({ roles: names }).optional(),
};

const ruled = z.strictObject({
  ...situation,
  classifications: z
    .array(z.enum(['public', 'internal', 'confidential', 'restricted']))
    .min(1)
    .optional(),
  sensitivities: z
    .array(z.enum(['low', 'medium', 'high']))
    .min(1)
    .optional(),
  columns: names,
});

const rule = z.discriminatedUnion(
  'action',
  [
    z.strictObject({
      ...head,
      when: ruled.default({}),
      action: z.enum(['keep', 'tokenise', 'mask', 'seal', 'drop']),
    }),
    z.strictObject({
      ...head,
      when: ruled.default({}),
      action: z.literal('generalise'),
      to: z.int().min(1),
    }),
  ],
  'expected keep, tokenise, mask, seal or drop, or generalise with `to`, a level',
);

const grant = z.strictObject({
  ...head,
  when: z.strictObject(situation).default({}),
  actions: z
    .array(z.string().regex(/^[a-z]+(\.[a-z]+)*(\.\*)?$/, 'an ability, admin.write or admin.*'))
    .min(1),
  effect: z.enum(['allow', 'deny']),
});

/** The data that policies decide by. A key that is not known would make a rule speak where it should not. */
export const policyData = z
  .strictObject({
    purposes: z.array(name).min(1),
    roles: z.array(name),
    rules: z.array(rule),
    grants: z.array(grant),
  })
  .superRefine(({ purposes, roles, rules, grants }, context) => {
    const complain = (message: string) => context.addIssue({ code: 'custom', message });
    for (const [kind, all] of Object.entries({ rule: rules, grant: grants })) {
      const seen = new Set<string>();
      for (const { name: own, level, when, unless } of all) {
        const place = `${kind} ${own}`;
        if (seen.has(own)) complain(`${place} is there twice; give each a name of its own`);
        seen.add(own);
        if (level !== 'tenant' && !when[`${level}s`])
          complain(`${place} is of level ${level} and names none; add when.${level}s`);
        for (const purpose of when.purposes ?? [])
          if (!purposes.includes(purpose))
            complain(`${place} speaks of the purpose ${purpose}, which is not among purposes`);
        for (const role of [...(when.roles ?? []), ...(unless?.roles ?? [])])
          if (!roles.includes(role))
            complain(`${place} speaks of the role ${role}, which is not among roles`);
      }
    }
  });

export type PolicyData = z.output<typeof policyData>;
