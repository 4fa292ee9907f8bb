import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { Prepared } from '../../pipelines/wal/prepare.ts';
import { canBeBinary } from '../../pipelines/wal/tuple-form.ts';
import { NeedsText } from '../../processors/transcode/columns.ts';
import { log } from '../log.ts';
import type { Setting } from './setting.ts';

/** What the WAL holds is not always what the catalog tells now: a table may be new, and a column gone. */
const onlyText = new WeakSet<Setting>();

/** The form of values that the server is asked for. */
export async function asksForBinary(
  setting: Setting,
  { anyBytes }: Pick<Prepared, 'anyBytes'>,
): Promise<boolean> {
  const { config, contracts } = setting;
  const { url, publication, binary } = config.source;
  if (onlyText.has(setting) || anyBytes) return false;
  if (binary !== 'auto') return binary;
  const tables = [...contracts.values()].filter(({ outbox }) => !outbox).map(({ table }) => table);
  return canBeBinary(url, publication, tables);
}

/** Where a value came in binary of which only the text is known, all openings after this one ask for text. */
export const fallingBackToText = <T>(setting: Setting): MonoTypeOperatorFunction<T> =>
  tap({
    error(error: unknown) {
      if (!(error instanceof NeedsText) || onlyText.has(setting)) return;
      onlyText.add(setting);
      log.warn(
        { slot: setting.config.source.slot, what: error.message },
        'the slot has values of which only the text is known: until this worker ends it reads all of them as text; source.binary: false does so from the start',
      );
    },
  });
