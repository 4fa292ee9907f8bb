import type { Config } from '../../contracts/config.ts';
import { openCapture } from './open-capture.ts';
import { openDeliver, type SinkName, sinkNames } from './open-deliver.ts';
import { openGovern } from './open-govern.ts';
import type { Opened } from './opened.ts';
import type { Setting } from './setting.ts';

export type PipelineName = 'capture' | 'govern' | `deliver-${SinkName}`;

/** A name that a person may give, and the pipelines that it stands for where these sinks are configured. */
export function pipelinesNamed(name: string, { sinks }: Config): readonly PipelineName[] | null {
  const delivers = sinkNames
    .filter((sink) => sinks[sink] !== undefined)
    .map((sink) => `deliver-${sink}` as const);
  if (name === 'all') return ['capture', 'govern', ...delivers];
  if (name === 'deliver') return delivers;
  const known: readonly PipelineName[] = [
    'capture',
    'govern',
    ...sinkNames.map((sink) => `deliver-${sink}` as const),
  ];
  const found = known.find((pipeline) => pipeline === name);
  return found ? [found] : null;
}

export function openPipeline(name: PipelineName, setting: Setting): Promise<Opened> {
  if (name === 'capture') return openCapture(setting);
  if (name === 'govern') return openGovern(setting);
  const sink = sinkNames.find((known) => name === `deliver-${known}`);
  if (!sink) throw new Error(`there is no pipeline ${name}`);
  return openDeliver(setting, sink);
}
