import { once } from 'node:events';
import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { openKeyring } from '../../contracts/keys/open-keyring.ts';
import { apiMetrics } from '../api/api-metrics.ts';
import { openApi } from '../api/open-api.ts';
import { log } from '../log.ts';
import { Metrics } from '../worker/counters.ts';
import { serveHealth } from '../worker/health.ts';
import { readContracts } from '../worker/setting.ts';
import { leave, stopping } from '../worker/stopping.ts';
import { configFile, configOption } from './config-file.ts';

/** Adds `conductor api`. */
export function apiCommands(program: Command): void {
  program
    .command('api')
    .summary('serve the API: GraphQL and the read gateway')
    .description(
      'Serves /graphql to whoever bears a token, until told to stop. SIGTERM answers what was asked within 10 s; a second one stops at once.',
    )
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  conductor api --config conductor.yaml')
    .action((flags: { readonly config?: string }) => serve(flags.config).finally(leave));
}

async function serve(file: string | undefined): Promise<void> {
  const config = await loadConfig(await configFile(file));
  const metrics = new Metrics();
  const counters = metrics.of('api');
  await using health = await serveHealth(metrics, config.worker);
  await using keyring = await openKeyring(config.keyring);
  await using api = await openApi({
    config,
    contracts: await readContracts(config),
    keyring,
    metrics: apiMetrics(metrics.registry),
    counters,
  });
  counters.running(true);
  const signal = stopping();
  log.info({ api: api.url, health: health.url }, 'started');
  if (!signal.aborted) await once(signal, 'abort');
}
