import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Opened } from './opened.ts';
import type { Setting } from './setting.ts';
import { type SinkName, sinkNames } from './sink-names.ts';

export type PipelineName =
  | 'capture'
  | 'govern'
  | 'anonymise'
  | 'noise'
  | 'prove'
  | 'verify'
  | 'transactions'
  | 'meter'
  | `deliver-${SinkName}`;

/** A name that a person may give, and the pipelines that it stands for where these sinks are configured, and under these contracts. */
export function pipelinesNamed(
  name: string,
  { sinks, provenance, metering }: Config,
  contracts: Iterable<TableContract>,
): readonly PipelineName[] | null {
  const delivers = sinkNames
    .filter((sink) => sinks[sink] !== undefined)
    .map((sink) => `deliver-${sink}` as const);
  const promises = [...contracts];
  const asked = [
    ...(promises.some(({ anon }) => anon) ? (['anonymise'] as const) : []),
    ...(promises.some(({ dp }) => dp) ? (['noise'] as const) : []),
    ...(provenance ? (['prove'] as const) : []),
    ...(sinks.postgres?.consistency === 'transactions' ? (['transactions'] as const) : []),
    ...(metering && sinks.clickhouse ? (['meter'] as const) : []),
  ];
  if (name === 'all') return ['capture', 'govern', ...asked, ...delivers];
  if (name === 'deliver') return delivers;
  const known: readonly PipelineName[] = [
    'capture',
    'govern',
    'anonymise',
    'noise',
    'prove',
    'verify',
    'transactions',
    'meter',
    ...sinkNames.map((sink) => `deliver-${sink}` as const),
  ];
  const found = known.find((pipeline) => pipeline === name);
  return found ? [found] : null;
}

/** Opens a pipeline, and loads only now what it is made of: a worker bears the weight of what it runs. */
export async function openPipeline(name: PipelineName, setting: Setting): Promise<Opened> {
  if (name === 'capture') {
    const { openCapture } = await import('./open-capture.ts');
    return openCapture(setting);
  }
  if (name === 'govern') {
    const { openGovern } = await import('./open-govern.ts');
    return openGovern(setting);
  }
  if (name === 'anonymise') {
    const { openAnonymise } = await import('./open-anonymise.ts');
    return openAnonymise(setting);
  }
  if (name === 'noise') {
    const { openNoise } = await import('./open-noise.ts');
    return openNoise(setting);
  }
  if (name === 'prove') {
    const { openProve } = await import('./open-prove.ts');
    return openProve(setting);
  }
  if (name === 'verify') {
    const { openVerify } = await import('./open-verify.ts');
    return openVerify(setting);
  }
  if (name === 'transactions') {
    const { openTransactions } = await import('./open-transactions.ts');
    return openTransactions(setting);
  }
  if (name === 'meter') {
    const { openMeter } = await import('./open-meter.ts');
    return openMeter(setting);
  }
  if (
    name === 'deliver-postgres' &&
    setting.config.sinks.postgres?.consistency === 'transactions'
  ) {
    const { openDeliverWhole } = await import('./open-deliver-whole.ts');
    return openDeliverWhole(setting);
  }
  const sink = sinkNames.find((known) => name === `deliver-${known}`);
  if (!sink) throw new Error(`there is no pipeline ${name}`);
  const { openDeliver } = await import('./open-deliver.ts');
  return openDeliver(setting, sink);
}
