import { z } from 'zod';
import { httpUrl } from './setting-forms.ts';

const vault = z
  .strictObject({
    url: httpUrl.describe('Where Vault answers, for example https://vault:8200.'),
    key: z
      .string()
      .regex(/^[\w.-]+$/, 'the name of a transit key, for example conductor')
      .describe('The key of its transit engine that wraps the keys of tenants.'),
    mount: z.string().min(1).default('transit').describe('Where the transit engine is mounted.'),
    token: z.string().min(1).optional().describe('How Vault knows us; or tokenFile.'),
    tokenFile: z
      .string()
      .min(1)
      .optional()
      .describe('A file with the token, read at each request: an agent may renew it.'),
    namespace: z.string().min(1).optional().describe('A namespace of Vault Enterprise.'),
    ca: z
      .string()
      .startsWith('-----BEGIN CERTIFICATE-----', 'a certificate in PEM, by { file: PATH }')
      .optional()
      .describe('Whom to trust as the issuer of its certificate.'),
    timeout: z.number().min(0.1).max(600).default(5).describe('Seconds until it is asked again.'),
  })
  .refine(({ token, tokenFile }) => (token === undefined) !== (tokenFile === undefined), {
    path: ['token'],
    error: 'either token or tokenFile',
  });

/** Where subjects' keys are, and what wraps them. */
export const keyringSettings = z
  .strictObject({
    directory: z
      .string()
      .describe(
        "Where subjects' keys are kept, wrapped by their tenants' keys, and those by the root key.",
      ),
    rootKey: z
      .string()
      .regex(/^[0-9a-f]{64}$/, '64 hex digits, for example from `openssl rand -hex 32`')
      .optional()
      .describe('The key that wraps all others. Give it by file or environment.'),
    kms: z
      .strictObject({ vault })
      .optional()
      .describe('In place of rootKey, or beside it while a keyring moves from one to the other.'),
  })
  .refine(({ rootKey, kms }) => rootKey !== undefined || kms !== undefined, {
    path: ['rootKey'],
    error: '64 hex digits, for example from `openssl rand -hex 32`, or keyring.kms',
  });

type KeyringSettings = z.output<typeof keyringSettings>;

/** The same with its paths as `resolved` has them. */
export function keyringFrom(
  { directory, kms, ...rest }: KeyringSettings,
  resolved: (path: string) => string,
): KeyringSettings {
  const file = kms?.vault.tokenFile;
  return {
    ...rest,
    directory: resolved(directory),
    ...(kms
      ? { kms: { vault: { ...kms.vault, ...(file ? { tokenFile: resolved(file) } : {}) } } }
      : {}),
  };
}
