import { z } from 'zod';

/** A name that PostgreSQL, Kafka and a folder all take as it is. */
export const settingName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]*$/, 'lower-case letters, digits and _, for example ig_slot');

/** `prefer` and `allow` promise nothing: whoever can cut the line can have it in the clear. */
const sslModes: readonly string[] = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'];

export const postgresUrl = z
  .url({
    protocol: /^postgres(ql)?$/,
    error: 'a PostgreSQL URL, postgres://user:password@host:5432/name',
  })
  .refine((url) => sslModes.includes(URL.parse(url)?.searchParams.get('sslmode') ?? 'disable'), {
    error: 'sslmode to be disable, require, verify-ca or verify-full',
  });

export const httpUrl = z.url({ protocol: /^https?$/, error: 'an HTTP URL, http://host:8123' });
