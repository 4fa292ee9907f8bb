import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { publicUrl } from '../../contracts/cannot-run.ts';
import { type Config, ConfigError, loadConfig } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { openKeyring } from '../../contracts/keys/open-keyring.ts';
import { ringPaths } from '../../contracts/keys/ring-files.ts';
import { reasonOf } from '../worker/keep-running.ts';
import { readContracts } from '../worker/setting.ts';
import { checkAnonymity } from './anonymity.ts';
import { checkBrokers } from './brokers.ts';
import { failed, type Finding, looking, ok } from './finding.ts';
import { checkPolicy } from './policy.ts';
import { checkProvenance } from './provenance.ts';
import { checkSinks } from './sinks.ts';
import { checkSource } from './source.ts';
import { checkState } from './state.ts';

/**
 * Looks at everything that the pipelines will depend on, to the end, whatever is found on the way, and
 * changes nothing of it.
 */
export async function readiness(configFile: string): Promise<readonly Finding[]> {
  const { config, findings: loaded } = await configuration(configFile);
  if (!config) return loaded;
  const { registry, keyring, source } = config;
  const contracts = new Map<string, TableContract>();
  const promised = await looking('contracts', config.contracts, () =>
    checkContracts(config, contracts),
  );
  // Held against no contracts, everything would seem to be as it was promised.
  const known = promised.some(({ outcome }) => outcome === 'failed') ? null : contracts;
  const { findings: state, standing } = await checkState(config);
  const [decided, captured, brokers, registered, keys, proved, sinks] = await Promise.all([
    looking('policy', config.policy.bundle ?? 'the policies that Conductor comes with', () =>
      checkPolicy(config, known),
    ),
    looking('source', `source.url = ${publicUrl(source.url)}`, () =>
      checkSource(config, known, standing),
    ),
    looking('brokers', 'kafka.brokers', () =>
      checkBrokers(config, known ? [...known.keys()] : null),
    ),
    looking('registry', `registry.url = ${publicUrl(registry.url)}`, () =>
      checkRegistry(registry.url),
    ),
    looking('keyring', `keyring.directory = ${keyring.directory}`, () => checkKeyring(keyring)),
    looking('provenance', 'kafka.brokers', () => checkProvenance(config)),
    checkSinks(config),
  ]);
  return [
    loaded,
    promised,
    decided,
    captured,
    state,
    brokers,
    registered,
    keys,
    proved,
    sinks,
  ].flat();
}

async function configuration(
  path: string,
): Promise<{ readonly config: Config | null; readonly findings: readonly Finding[] }> {
  try {
    return { config: await loadConfig(path), findings: [ok('configuration', path)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const fix = 'correct it; conductor.example.yaml explains every setting';
    return {
      config: null,
      findings: [failed('configuration', { what: error.message, where: path, fix })],
    };
  }
}

async function checkContracts(
  config: Config,
  into: Map<string, TableContract>,
): Promise<readonly Finding[]> {
  for (const [table, contract] of await readContracts(config)) into.set(table, contract);
  return [ok('contracts', `${into.size} in ${config.contracts}`), ...checkAnonymity(into.values())];
}

async function checkRegistry(url: string): Promise<readonly Finding[]> {
  const { username, password } = new URL(url);
  const address = url.replace(/\/\/[^@/]*@/, '//').replace(/\/$/, '');
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const answer = await fetch(`${address}/subjects`, {
    headers: username ? { authorization: `Basic ${login.toString('base64')}` } : {},
    signal: AbortSignal.timeout(10_000),
  }).catch((cause: unknown) => {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw new Error(`the registry cannot be reached: ${reasonOf(why)}`, { cause });
  });
  if (!answer.ok) throw new Error(`the registry answers with ${answer.status}`);
  return [ok('registry', publicUrl(url))];
}

/** A keyring that is not there yet, or not in this form, is made by the first worker, and not by a look. */
async function checkKeyring(settings: Config['keyring']): Promise<readonly Finding[]> {
  const { directory } = settings;
  const { keys, old } = ringPaths(directory);
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  if (await isThere(keys)) {
    await using _ = await openKeyring(settings);
    return [ok('keyring', `the root key opens ${directory}`)];
  }
  await access(await nearest(directory), constants.W_OK);
  const what = (await isThere(old))
    ? `${old} will be taken over by the first worker that starts; stop those of older versions first`
    : `${directory} will be made`;
  return [ok('keyring', what)];
}

/** The folder itself, or the one above it that is there. */
async function nearest(folder: string): Promise<string> {
  const parent = dirname(folder);
  return access(folder).then(
    () => folder,
    () => (parent === folder ? folder : nearest(parent)),
  );
}
