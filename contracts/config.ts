import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { governSettings, policySettings } from './policy/settings.ts';
import { apiSettings, tokenSettings } from './api-settings.ts';
import { httpUrl, postgresUrl, settingName } from './setting-forms.ts';
import { keyringFrom, keyringSettings } from './keyring-settings.ts';
import { lettersSettings } from './letters-settings.ts';
import { meteringSettings } from './metering-settings.ts';
import { provenanceSettings } from './provenance-settings.ts';
import { sinksSettings } from './sinks-settings.ts';
import { sourceSettings } from './source-settings.ts';
import { verifySettings } from './verify-settings.ts';

/** One declaration per setting: its form, its default and its meaning. */
export const configSchema = z.strictObject({
  database: settingName.describe(
    'The name of the source in topics: cdc.<database>.<schema>.<table>.',
  ),
  source: sourceSettings,
  state: z.strictObject({
    url: postgresUrl.describe(
      "Conductor's own database: checkpoints (cdc_offsets). Not the source.",
    ),
  }),
  kafka: z.strictObject({
    brokers: z
      .array(z.string().regex(/^[^:]+:\d+$/, 'host:port, for example localhost:9092'))
      .min(1)
      .describe('Bootstrap brokers.'),
    partitions: z
      .int()
      .min(1)
      .max(1_000)
      .default(12)
      .describe('Lanes per topic. Fixed once topics exist.'),
    replication: z.int().min(1).max(10).default(1).describe('Replicas per topic.'),
    requestTimeout: z
      .number()
      .min(1)
      .default(30)
      .describe('After how many seconds without an answer a broker is given up.'),
    member: z
      .string()
      .regex(/^\S{1,200}$/, 'is no name: without blanks, for example govern-0')
      .optional()
      .describe(
        'The name of this worker in its consumer groups, no other worker of which has it: one that is back within ten seconds has its lanes as before, and nobody else is interrupted.',
      ),
    tls: z.boolean().default(false).describe('Speak TLS to the brokers.'),
    sasl: z
      .strictObject({
        mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
        username: z.string().min(1),
        password: z.string().min(1),
      })
      .optional()
      .describe('How to log in to the brokers.'),
  }),
  registry: z.strictObject({
    url: httpUrl.describe('A Confluent-compatible schema registry.'),
  }),
  contracts: z.string().default('contracts/tables').describe('The folder of table contracts.'),
  policy: policySettings,
  govern: governSettings,
  keyring: keyringSettings,
  sinks: sinksSettings,
  provenance: provenanceSettings,
  metering: meteringSettings,
  letters: lettersSettings,
  verify: verifySettings,
  worker: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Where /metrics and /healthz listen.'),
      port: z.int().min(0).max(65_535).default(0).describe('0 takes a free one and logs it.'),
      inFlightValues: z
        .int()
        .min(1)
        .default(10_000)
        .describe('Most changes unsettled at any time.'),
      inFlightBytes: z
        .int()
        .min(1_024)
        .default(12 * 1024 * 1024)
        .describe('Most bytes unsettled.'),
      spillDirectory: z
        .string()
        .default('spill')
        .describe('Where transactions that are too large for memory wait for their commit.'),
      niceness: z
        .int()
        .min(0)
        .max(19)
        .default(10)
        .describe('How far capture steps back behind others on its machine; 0 not at all.'),
    })
    .prefault({})
    .describe('Limits of one worker.'),
  tokens: tokenSettings,
  api: apiSettings,
});

export type Config = z.output<typeof configSchema>;

/** A setting that is wrong, with its key, what is wrong and an example. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads a configuration. `CONDUCTOR_SOURCE_URL` overrides `source.url`, and so on for every key. A value
 * may be given as `{ env: NAME }` or `{ file: path }`. Paths are relative to the file's folder.
 */
export async function loadConfig(
  path: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Config> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(
      `there is no configuration at ${path}: copy conductor.example.yaml there, or name another with --config FILE`,
      { cause },
    );
  });
  const folder = dirname(resolve(path));
  const missing: string[] = [];
  const given = await withSecrets(parseYaml(text, path), { folder, env, missing });
  if (missing.length > 0) throw new ConfigError(`${path} cannot be used:\n${missing.join('\n')}`);
  const raw = overridden(given, env);
  const result = configSchema.safeParse(raw);
  if (!result.success) throw new ConfigError(explain(result.error, path));
  const { contracts, policy, keyring, provenance, metering, tokens, api } = result.data;
  return {
    ...result.data,
    contracts: from(folder, contracts),
    policy: policy.bundle ? { ...policy, bundle: from(folder, policy.bundle) } : policy,
    provenance: provenance && { ...provenance, directory: from(folder, provenance.directory) },
    metering: metering && {
      ...metering,
      unitCosts: from(folder, metering.unitCosts),
      allocations: from(folder, metering.allocations),
    },
    keyring: keyringFrom(keyring, (path) => from(folder, path)),
    worker: {
      ...result.data.worker,
      spillDirectory: from(folder, result.data.worker.spillDirectory),
    },
    tokens: { ...tokens, directory: from(folder, tokens.directory) },
    api: api.tls
      ? {
          ...api,
          tls: { certificate: from(folder, api.tls.certificate), key: from(folder, api.tls.key) },
        }
      : api,
  };
}

const from = (folder: string, path: string) => (isAbsolute(path) ? path : resolve(folder, path));

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    // Its message would quote the file, secrets and all.
    const known = error instanceof YAMLParseError;
    const what = known ? error.code.toLowerCase().replaceAll('_', ' ') : 'an alias of nothing';
    const line = known && error.linePos ? ` in line ${error.linePos[0].line}` : '';
    throw new ConfigError(
      `${path} is not YAML: ${what}${line}; put values with special characters in single quotes`,
    );
  }
}

function explain(error: z.ZodError, path: string): string {
  const lines = error.issues.map(({ path: keys, message, ...issue }) => {
    const key = keys.join('.') || 'the file';
    if (issue.code === 'unrecognized_keys')
      return `  ${[...keys, ...issue.keys].join('.')}: is not a setting; see conductor.example.yaml for those there are`;
    const missing = message.endsWith('received undefined') ? 'is missing; ' : '';
    const wanted = message
      .replace(/^[A-Z][a-z ]+: /, '')
      .replace(/^expected /, '')
      .replace(/, received undefined$/, '');
    const nearest = settings().find((setting) =>
      setting.slice(0, keys.length).every((part, at) => part === keys[at]),
    );
    const hint = nearest ? ` (environment: ${variable(nearest)})` : '';
    return `  ${key}: ${missing}expected ${wanted}${hint}`;
  });
  return `${path} cannot be used:\n${lines.join('\n')}`;
}

const variable = (keys: readonly string[]) =>
  `CONDUCTOR_${keys
    .map((key) => key.replace(/[A-Z]/g, '_$&'))
    .join('_')
    .toUpperCase()}`;

interface Secrets {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly missing: string[]; // What is said of those that are not there: of all at once.
}

async function withSecrets(
  value: unknown,
  secrets: Secrets,
  keys: readonly string[] = [],
): Promise<unknown> {
  if (!isObject(value)) return value;
  const { folder, env, missing } = secrets;
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only && typeof only[1] === 'string') {
    const [kind, place] = [only[0], only[1]];
    const complain = (what: string) => void missing.push(`  ${keys.join('.')}: ${what}`);
    if (kind === 'env') return env[place] ?? complain(`the environment has no ${place}`);
    if (kind === 'file')
      return readFile(from(folder, place), 'utf8').then(
        (secret) => secret.trim(),
        () => complain(`the file ${place} cannot be read`),
      );
  }
  const resolved: Record<string, unknown> = {};
  for (const [key, inner] of entries)
    resolved[key] = await withSecrets(inner, secrets, [...keys, key]);
  return resolved;
}

function overridden(raw: unknown, env: NodeJS.ProcessEnv): unknown {
  const root: Record<string, unknown> = isObject(raw) ? structuredClone(raw) : {};
  for (const { keys, schema } of leaves(configSchema, [])) {
    const given = env[variable(keys)];
    if (given === undefined) continue;
    const last = keys.at(-1) ?? '';
    let place = root;
    for (const key of keys.slice(0, -1)) {
      const inner = place[key];
      place = place[key] = isObject(inner) ? inner : {};
    }
    place[last] = typed(schema, given);
  }
  return root;
}

/** Every setting there is, by its path of keys. */
export const settings = (): readonly (readonly string[])[] =>
  leaves(configSchema, []).map(({ keys }) => keys);

interface Leaf {
  readonly keys: readonly string[];
  readonly schema: unknown;
}

function leaves(whole: unknown, keys: readonly string[]): readonly Leaf[] {
  const schema = unwrapped(whole);
  if (!(schema instanceof z.ZodObject)) return [{ keys, schema }];
  return Object.entries(schema.shape).flatMap(([key, inner]) => leaves(inner, [...keys, key]));
}

function unwrapped(schema: unknown): unknown {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  )
    return unwrapped(schema.def.innerType);
  return schema;
}

/** The environment has only text: what the setting is to be says how to read it. */
function typed(schema: unknown, given: string): unknown {
  if (schema instanceof z.ZodArray) return given.split(',').map((each) => each.trim());
  if (schema instanceof z.ZodUnion) {
    const readings = schema.def.options.map((option: unknown) => typed(option, given));
    return readings.find((reading) => schema.safeParse(reading).success) ?? given;
  }
  if (schema instanceof z.ZodBoolean && /^(true|false)$/.test(given)) return given === 'true';
  const number = schema instanceof z.ZodNumber || schema instanceof z.ZodLiteral;
  return number && /^\d+(\.\d+)?$/.test(given) ? Number(given) : given;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
