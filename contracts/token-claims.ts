import { z } from 'zod';

const name = z.string().regex(/^[a-z][a-z0-9._-]{0,63}$/, 'a name, for example fraud-review');

/** One grant of RFC 9396: which tables of those that policy opens this token may read. */
const grant = z.strictObject({
  type: z.literal('governed_rows'),
  actions: z.array(z.enum(['read', 'count'])).min(1),
  datatypes: z.array(z.string().min(1)).min(1), // Tables, `public.orders`.
});

/** What a token must say, beside what every JWT says. */
export const tokenClaims = z.object({
  iss: z.string(),
  sub: z.string().min(1).max(256),
  aud: z.string(), // One only: a token for two could be passed on by one to the other.
  jti: z.string().min(16).max(128),
  iat: z.int(),
  nbf: z.int(),
  exp: z.int(),
  purpose: name,
  tenant: z.string().min(1).max(256),
  roles: z.array(name).max(32),
  /** Abilities that it is limited to; without, its roles alone say what it may do. */
  scope: z
    .string()
    .regex(/^[\w.*-]+( [\w.*-]+)*$/, 'abilities, for example data.read or admin.*')
    .optional(),
  once: z.literal(true).optional(), // Good for one call.
  authorization_details: z.array(grant).min(1).optional(),
});

/** What a verified token says of whoever bears it. */
export type Claims = z.output<typeof tokenClaims>;

/** What whoever mints a token says of its bearer. */
export const mintedClaims = tokenClaims.pick({
  sub: true,
  purpose: true,
  tenant: true,
  roles: true,
  scope: true,
  once: true,
  authorization_details: true,
});

export type Minted = z.output<typeof mintedClaims>;

/** The scope that lets a token see the rows of every tenant. */
export const everyTenant = 'tenants.all';

/** The abilities that a token is limited to; null if it is not. */
export const scopesOf = ({ scope }: Pick<Claims, 'scope'>): readonly string[] | null =>
  scope === undefined ? null : scope.split(' ');
