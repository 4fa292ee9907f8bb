import { topicSettings } from '../../contracts/topics.ts';
import { capture, keysFirst } from '../../pipelines/capture.ts';
import { ownersOfCaptured } from '../../pipelines/letter-owners.ts';
import { recycling } from '../../pipelines/recycling.ts';
import { letterOfCaptured } from '../../pipelines/letters.ts';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import { Backfill } from '../../pipelines/backfill/backfill.ts';
import { Bases } from '../../pipelines/backfill/bases.ts';
import { requestFirstCopy } from '../../pipelines/backfill/first-copy.ts';
import { Interrupted, rememberMissing } from '../../pipelines/backfill/interrupted.ts';
import { requestFrom } from '../../pipelines/backfill/not-streamed.ts';
import { requestReplacements } from '../../pipelines/backfill/replace-tables.ts';
import { type Runs, runsAt } from '../../pipelines/backfill/runs.ts';
import { Watch } from '../../pipelines/backfill/touched.ts';
import { type Checkpoints, checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { capturedTables, type Forms, formsAt } from '../../pipelines/wal/forms.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { type Prepared, prepareSource } from '../../pipelines/wal/prepare.ts';
import type { Opening, Relations } from '../../pipelines/wal/relations.ts';
import { WalSource } from '../../pipelines/wal/source.ts';
import { tenure } from '../../pipelines/wal/tenure.ts';
import { type Captured, Output } from '../../processors/transcode/output.ts';
import { SlabPool } from '../../processors/transcode/slab-pool.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import type { Records } from '../../schemas/records.ts';
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
import { withinQuota } from './letter-quota.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import { copyInterrupted, copyLate, type Known, watchPublished } from './published.ts';
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
    const letters = stack.use(await lettersAt(setting));
    const records = stack.use(
      recordsSink(kafka, 'cdc', tenure(checkpoints, stream, prepared.from)),
    );
    const pool = new SlabPool();
    const output = new Output(pool, limitOf);
    const watch = new Watch();
    const copies = config.source.snapshot === 'initial';
    const interrupted = new Interrupted(
      { url: config.source.url, name: stream, from: prepared.from, copies },
      { runs, forms, checkpoints },
    );
    const known = { runs, forms, interrupted };
    const { anyBytes } = prepared;
    const found = { forms, limitOf, anyBytes, succession: interrupted.streamed };
    const opening = await openingOf(setting, found, output);
    const copying = backfillSettings(setting, prepared);
    const bases = stack.use(new Bases({ ...copying, url: config.source.url }, { runs, output }));
    const own = await partsOf(setting, opening, output);
    const parts = { ...own, forms, watch, bases };
    await requestDue(setting, prepared, { ...known, records });
    const copied = new Output(pool, limitOf);
    const ofCopies = { ...found, succession: interrupted.copied };
    const opened = retrying(await openingOf(setting, ofCopies, copied), own.relations);
    const comparisons = stack.use(new Comparisons(setting, prepared));
    const wal = new WalSource(
      walSettings(setting, prepared, { stream, binary: await asksForBinary(setting, prepared) }),
      checkpoints,
      prepared.from,
      parts,
      (beside) => {
        const backfill = new Backfill(
          { ...copying, brought: beside.brought, copied: (run) => comparisons.copied(run) },
          { runs, opening: opened, output: copied, watch, replacing: () => bases.forget() },
          beside,
        );
        bases.baseOf = (table) => backfill.baseOf(table);
        interrupted.takeUp = () => backfill.open();
        return backfill;
      },
    );
    stack.use(wal);
    if (!setting.untilCurrent) stack.use(watchPublished(setting, prepared, known));

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

const lettersAt = async (setting: Setting) =>
  withinQuota(
    setting,
    'capture',
    await deadLetters<Captured>(setting.kafka, 'capture', setting, {
      letterOf: (refused) => letterOfCaptured('capture', refused),
      ownersOf: ownersOfCaptured,
    }),
  );

/** Asks for the copies that are due where a stream begins, or goes on. */
async function requestDue(
  setting: Setting,
  prepared: Prepared,
  { records, ...known }: Known & { readonly records: Sink<Records> },
): Promise<void> {
  const { runs, interrupted } = known;
  const { contracts, config } = setting;
  const { from, created, recovery, published, changed } = prepared;
  if (recovery !== null) {
    if (recovery === 'repair') await repairTables(setting, prepared, { runs, records });
    else await requestReplacements(runs, contracts, from);
    await interrupted.remember(published.memberships);
    return;
  }
  if (created && config.source.snapshot === 'initial')
    await requestFirstCopy(runs, contracts, from);
  await copyInterrupted(setting, known, published);
  if (!created) await copyLate(setting, known, { published, faults: changed });
}

/** What the stream refused is tried again once it is copied: no snapshot that was read before sees what comes then. */
const retrying =
  (opening: Opening, relations: Relations): Opening =>
  async (relation, lsn) => {
    const way = await opening(relation, lsn);
    if (way.kind === 'open') relations.retry([relation.table]);
    return way;
  };

/** What was opened once: when it is opened again after an outage, nobody is there to mend a contract. */
const ranBefore = new WeakSet<Setting>();

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
    publishing: (tables) => rememberMissing(forms, tables),
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
