import { topicSettings } from '../../contracts/topics.ts';
import { capture, keysFirst, recycling } from '../../pipelines/capture.ts';
import { letterOfCaptured } from '../../pipelines/letters.ts';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import { Backfill } from '../../pipelines/backfill/backfill.ts';
import { Bases } from '../../pipelines/backfill/bases.ts';
import { requestFirstCopy } from '../../pipelines/backfill/first-copy.ts';
import { requestCopies, requestLateCopies } from '../../pipelines/backfill/late-copy.ts';
import { requestFrom } from '../../pipelines/backfill/not-streamed.ts';
import { requestReplacements } from '../../pipelines/backfill/replace-tables.ts';
import { type Runs, runsAt } from '../../pipelines/backfill/runs.ts';
import { Watch } from '../../pipelines/backfill/touched.ts';
import { type Checkpoints, checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { capturedTables, type Forms, formsAt } from '../../pipelines/wal/forms.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { type Prepared, prepareSource } from '../../pipelines/wal/prepare.ts';
import { WalSource } from '../../pipelines/wal/source.ts';
import { type Captured, Output } from '../../processors/transcode/output.ts';
import { SlabPool } from '../../processors/transcode/slab-pool.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { recordsSink } from '../../sinks/records.ts';
import { log } from '../log.ts';
import { Comparisons } from './comparisons.ts';
import {
  backfillSettings,
  limitsOf,
  openingOf,
  partsOf,
  topicsOf,
  walSettings,
} from './capture-parts.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import { repairTables } from './repair-tables.ts';
import type { Setting } from './setting.ts';
import { asksForBinary, fallingBackToText } from './values-as-text.ts';

/** Connects capture: the slot at one end, `cdc.*` at the other. */
export const openCapture = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, keyring, kafka, counters } = setting;
    const stream = `${config.database}/${config.source.slot}`;
    const inState = <T>(open: Promise<T>) =>
      open.catch((error: unknown) => {
        throw postgresTrouble(error, 'state.url', config.state.url);
      });
    const checkpoints = stack.use(await inState(checkpointsAt(config.state.url)));
    const forms = stack.use(await inState(formsAt(config.state.url, stream)));
    const runs = stack.use(await inState(runsAt(config.state.url, stream)));
    const prepared = await bothEnds(setting, stream, { checkpoints, runs, forms });
    const limitOf = await limitsOf(setting);
    const letters = await deadLetters<Captured>(kafka, 'capture', setting, (refused) =>
      letterOfCaptured('capture', refused),
    );
    stack.use(letters);
    const records = stack.use(recordsSink(kafka, 'cdc'));
    const pool = new SlabPool();
    const output = new Output(pool, limitOf);
    const watch = new Watch();
    const { anyBytes } = prepared;
    const opening = await openingOf(setting, { forms, limitOf, anyBytes }, output);
    const copying = backfillSettings(setting, prepared);
    const bases = stack.use(new Bases({ ...copying, url: config.source.url }, { runs, output }));
    const own = await partsOf(setting, opening, output);
    const parts = { ...own, forms, watch, bases };
    if (prepared.recovery === 'repair') await repairTables(setting, prepared, { runs, records });
    else if (prepared.recovery === 'resnapshot')
      await requestReplacements(runs, setting.contracts, prepared.from);
    else if (prepared.created && config.source.snapshot === 'initial')
      await requestFirstCopy(runs, setting.contracts, prepared.from);
    else if (config.source.snapshot === 'initial')
      tellLate(await requestLateCopies({ runs, forms }, setting.contracts, prepared.changed));
    const copied = new Output(pool, limitOf);
    const copies = await openingOf(setting, { forms, limitOf, anyBytes }, copied);
    const comparisons = stack.use(new Comparisons(setting, prepared));
    const wal = new WalSource(
      walSettings(setting, prepared, { stream, binary: await asksForBinary(setting, prepared) }),
      checkpoints,
      prepared.from,
      parts,
      (beside) => {
        const backfill = new Backfill(
          {
            ...copying,
            brought: beside.brought,
            copied: (run) => comparisons.copied(run),
          },
          { runs, opening: copies, output: copied, watch, replacing: () => bases.forget() },
          beside,
        );
        bases.baseOf = (table) => backfill.baseOf(table);
        return backfill;
      },
    );
    stack.use(wal);

    return (signal) =>
      capture(
        {
          wal,
          records: keysFirst(keyring, recycling(pool, records)),
          letters: counters.letters(letters),
        },
        pulling(setting, signal),
      ).pipe(fallingBackToText(setting));
  });

/** What was opened once: when it is opened again after an outage, nobody is there to mend a contract. */
const ranBefore = new WeakSet<Setting>();

const tellLate = (tables: readonly string[]): void => {
  if (tables.length > 0) log.info({ tables }, 'tables that are new to the stream are copied');
};

/** Makes sure that both ends are there. */
async function bothEnds(
  setting: Setting,
  stream: string,
  {
    checkpoints,
    runs,
    forms,
  }: { readonly checkpoints: Checkpoints; readonly runs: Runs; readonly forms: Forms },
): Promise<Prepared> {
  const { config, contracts, kafka, counters } = setting;
  const prepared = await prepareSource({
    settings: config.source,
    stream,
    contracts,
    checkpoints,
    again: ranBefore.has(setting),
    captured: () => capturedTables(config.state.url, stream),
    publishing: async (tables) => {
      if (config.source.snapshot === 'initial') tellLate(await requestCopies(runs, tables));
    },
    slotBegun: (from, start) => requestFrom(start, runs, contracts, from),
    recovering: async (recovering) => {
      log.error(
        recovering,
        'the slot cannot go on: giving up what it still had, as it was told to',
      );
      if (recovering.elsewhere) await forms.forget();
    },
    waiting: ({ what, ...held }) => log.warn(held, what),
  });
  for (const { table, what, fix } of prepared.changed) {
    counters.refusedTable(table);
    log.error(
      { table, fix },
      `table ${table}: ${what}; the stream goes on, and what readers of its topic cannot follow is kept as dead letters`,
    );
  }
  for (const { table, where, what, fix } of prepared.warnings)
    log.warn({ table, fix }, `${where}: ${what}`);
  if (prepared.unknownColumns.length > 0)
    log.warn(
      { columns: prepared.unknownColumns },
      'columns that no contract names: sealed, and dropped by govern',
    );
  await ensureTopics(
    kafka,
    topicsOf(setting).map((name) => topicSettings(name, config.kafka.partitions)),
    config.kafka.replication,
  );
  ranBefore.add(setting);
  return prepared;
}
