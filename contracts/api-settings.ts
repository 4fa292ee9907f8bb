import { z } from 'zod';
import { settingName } from './setting-forms.ts';

/** How tokens that are bound to a purpose are made and checked. */
export const tokenSettings = z
  .strictObject({
    issuer: z.string().min(1).default('conductor').describe('Who signs tokens (`iss`).'),
    audience: z.string().min(1).default('conductor-api').describe('Whom they are for (`aud`).'),
    directory: z
      .string()
      .default('token-keys')
      .describe(
        'Signing keys, wrapped by a key of the keyring, and jwks.json for whoever verifies.',
      ),
    longest: z
      .int()
      .min(60)
      .max(86_400)
      .default(3_600)
      .describe('Most seconds that a token may live, whoever made it.'),
  })
  .prefault({})
  .describe('Purpose-bound tokens.');

/** Where the API host listens, and what it bears. */
export const apiSettings = z
  .strictObject({
    host: z.string().default('127.0.0.1').describe('Where the API listens.'),
    port: z.int().min(0).max(65_535).default(0).describe('0 takes a free one and logs it.'),
    tls: z
      .strictObject({
        certificate: z.string().describe('PEM file of the certificate and its chain.'),
        key: z.string().describe('PEM file of its key.'),
      })
      .optional()
      .describe('Speak TLS.'),
    behindProxy: z
      .boolean()
      .default(false)
      .describe(
        'Whether a proxy ends TLS: without, and without tls, only loopback is listened on.',
      ),
    introspection: z.boolean().default(false).describe('Let clients ask for the schema.'),
    bodyBytes: z.int().min(1_024).default(65_536).describe('Most bytes of a request.'),
    depth: z.int().min(2).max(50).default(8).describe('How deep a query may nest.'),
    fields: z.int().min(1).max(1_000).default(100).describe('Most fields of a query.'),
    aliases: z.int().min(0).max(100).default(5).describe('Most aliases of a query.'),
    timeoutSeconds: z.int().min(1).max(300).default(10).describe('How long an answer may take.'),
    rows: z.int().min(1).max(10_000).default(1_000).describe('Most rows of an answer.'),
    from: z
      .enum(['postgres', 'clickhouse'])
      .optional()
      .describe('Which sink is read; by default ClickHouse where there is one.'),
    rolloutSalt: settingName
      .default('privacy_v2')
      .describe('Salt of the order in which tenants move in waves. Fixed once a wave has begun.'),
    monitors: z
      .array(z.url({ protocol: /^https?$/ }))
      .default([])
      .describe('/metrics of the workers whose monitors a wave waits for.'),
  })
  .prefault({})
  .describe('The API host, `conductor api`.');
