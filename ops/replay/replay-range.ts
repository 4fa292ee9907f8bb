import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { type Registry, registryAt } from '../../contracts/registry.ts';
import { governedTopic } from '../../contracts/topics.ts';
import { type Runs, runsAt } from '../../pipelines/backfill/runs.ts';
import { learning } from '../../pipelines/topic/learning.ts';
import { type KafkaOptions, kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { LaneRecords } from '../../pipelines/topic/lane-records.ts';
import { isWhole, type Range, rangeText } from '../../replay/range.ts';
import { type RangeManifest, rangeManifest, signedManifest } from '../../replay/range-manifest.ts';
import { reachOf, refuseCut, unreached, type Whole, wholeFrom } from '../../replay/range-reach.ts';
import { replayRange } from '../../replay/range-replay.ts';
import type { Replays } from '../../replay/range-replays.ts';
import { positionText } from '../../schemas/position.ts';
import { signingKey } from '../../schemas/signing-key.ts';
import { besideContract } from '../../sinks/beside.ts';
import { batchings, openSink } from '../worker/open-deliver.ts';
import type { SinkName } from '../worker/sink-names.ts';
import { recallText } from '../worker/recall-text.ts';
import { TextColumns } from '../worker/text-columns.ts';
import { copiedWhole } from './copied-whole.ts';
import { openBeside } from './open-beside.ts';

/** What somebody wants to have rebuilt, of one table. */
export interface RangeRequest {
  readonly contract: TableContract;
  readonly range: Range;
  readonly sink: SinkName;
  readonly merge: boolean; // Also where it could be switched.
  readonly backfill: boolean;
  readonly despiteRefused: boolean;
  readonly rate: number | null;
}

/** What is needed for it. */
export interface RangeSetting {
  readonly config: Config;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly registry: Registry;
  readonly kafka: KafkaOptions;
  readonly replays: Replays;
  readonly runs: Runs;
  readonly report: (line: string) => void;
}

export interface RangeDone {
  readonly manifest: RangeManifest;
  readonly signed: string;
}

/** Connects to Conductor's own database; what else is needed answers when it is asked. */
export async function rangeSetting(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  { replays, report }: Pick<RangeSetting, 'replays' | 'report'>,
): Promise<RangeSetting> {
  const { state, database, source } = config;
  return {
    config,
    contracts,
    registry: registryAt(config.registry.url),
    kafka: kafkaOptions(config, 'replay'),
    replays,
    runs: await runsAt(state.url, `${database}/${source.slot}`),
    report,
  };
}

/** Rebuilds what is asked of one table, and says what it did. */
export async function rebuild(
  setting: RangeSetting,
  request: RangeRequest,
  signal: AbortSignal,
): Promise<RangeDone> {
  const { config, replays, report } = setting;
  const { contract, range, sink } = request;
  const { table } = contract;
  const topic = governedTopic(config.database, table);
  await using records = new LaneRecords(setting.kafka, topic);
  const how = howOf(request);
  const asked = { database: config.database, table, sink, range: rangeText(range), how };
  await using _ = await replays.hold(asked);
  const underWay = await replays.underWay(asked);
  const isFilling = underWay === null || underWay.stage === 'filling';
  const whole = isFilling ? await reached(setting, request, records, signal) : null;
  const obstacle = underWay === null ? await obstacleTo(setting, request) : null;
  if (obstacle !== null) throw hindered(table, obstacle);
  const replay = await replays.open(asked);
  report(
    replay.lanes.length > 0
      ? `${table}: replay ${replay.id} into ${sink} goes on`
      : `${table}: replay ${replay.id} into ${sink}, ${asked.range}`,
  );
  const columns = new TextColumns(new Map([[table, contract]]));
  if (sink === 'clickhouse') await recallText(columns, setting, [table]);
  await using beside = await openBeside(config, sink, {
    contract,
    contracts: [...setting.contracts.values()],
    replay: replay.id,
  });
  const learn = learning(setting.registry);
  const since = sink === 'clickhouse' ? null : (whole?.since ?? null); // A history keeps what is older.
  const { inFlightValues: values, inFlightBytes: bytes } = config.worker;
  const job = {
    table,
    range,
    how,
    records,
    registry: setting.registry,
    prepare: async (batch: Parameters<typeof learn>[0]) => {
      await learn(batch);
      columns.look(batch, setting.registry);
    },
    beside,
    openSink: (to: 'beside' | 'live') => {
      const [widened = contract] = columns.widened();
      return openSink(setting, sink, [
        to === 'live' ? widened : besideContract(widened, replay.id),
      ]);
    },
    since,
    keepsOld: whole?.isCut ?? (await reachOf(records, setting.registry)).cut.length > 0,
    despiteRefused: request.despiteRefused,
    rate: request.rate,
    room: { values, bytes },
    batching: batchings[sink],
    report: (line: string) => report(line),
  };
  const replayed = await replayRange(job, replay, replays, signal);
  const manifest = rangeManifest(asked, replay, replayed, {
    topic,
    since: since && positionText(since),
  });
  const seed = config.provenance?.signingKey;
  const signed = signedManifest(manifest, seed === undefined ? null : signingKey(seed));
  await replays.done(replay.id, signed);
  return { manifest, signed };
}

/** What a replay would do. */
export interface RangePlan {
  readonly table: string;
  readonly sink: SinkName;
  readonly range: string;
  readonly how: 'switch' | 'merge';
  readonly records: number; // That the topic has, and are read.
  readonly reaches: boolean;
  readonly obstacle: string | null;
}

/** Tells what a replay would do, and changes nothing. */
export async function planned(setting: RangeSetting, request: RangeRequest): Promise<RangePlan> {
  const { config } = setting;
  const { contract, range, sink } = request;
  const { table } = contract;
  await using records = new LaneRecords(setting.kafka, governedTopic(config.database, table));
  const starts = await records.bounds('start');
  const ends = await records.bounds('end');
  const how = howOf(request);
  const reaches = await reached(setting, { ...request, backfill: false }, records, null).then(
    () => null,
    (error: unknown) => {
      if (error instanceof CannotRun) return error.trouble.what;
      throw error;
    },
  );
  return {
    table,
    sink,
    range: rangeText(range),
    how,
    records: ends.reduce((sum, end, partition) => sum + Number(end - (starts[partition] ?? 0n)), 0),
    reaches: reaches === null,
    obstacle: reaches ?? (await obstacleTo(setting, request)),
  };
}

/** Why a table cannot be switched; null if it can, or is merged. */
async function obstacleTo(
  { config, contracts }: RangeSetting,
  request: RangeRequest,
): Promise<string | null> {
  if (howOf(request) === 'merge') return null;
  const { contract, sink } = request;
  const all = [...contracts.values()];
  await using beside = await openBeside(config, sink, { contract, contracts: all, replay: 0 });
  return await beside.obstacle();
}

/** Gives up what is under way of a table; returns its number. */
export async function abandon(
  { config, contracts, replays }: RangeSetting,
  { contract, sink }: Pick<RangeRequest, 'contract' | 'sink'>,
): Promise<number | null> {
  const asked = { database: config.database, table: contract.table, sink };
  await using _ = await replays.hold(asked);
  const replay = await replays.underWay(asked);
  if (!replay) return null;
  if (replay.stage === 'finishing')
    throw new CannotRun({
      what: `replay ${replay.id} of ${contract.table} is being put in place`,
      where: 'conductor_range_replays',
      fix: 'ask for the same again: it ends what it had begun',
    });
  const all = [...contracts.values()];
  await using beside = await openBeside(config, sink, {
    contract,
    contracts: all,
    replay: replay.id,
  });
  await beside.drop();
  await replays.become(replay.id, 'abandoned');
  return replay.id;
}

/** A whole table is switched where its sink can; the rows of a range, and nodes of a graph, are merged. */
const howOf = ({ range, sink, merge }: RangeRequest): 'switch' | 'merge' =>
  !isWhole(range) || sink === 'neo4j' || merge ? 'merge' : 'switch';

/** From where on the topic holds every row; has the table copied where it does not, and that is wanted. */
async function reached(
  { config, registry, runs, kafka, report }: RangeSetting,
  { contract: { table }, range, backfill }: RangeRequest,
  records: LaneRecords,
  signal: AbortSignal | null,
): Promise<Whole | null> {
  const reach = await reachOf(records, registry);
  const [cut] = reach.cut;
  if (cut && range.from) {
    refuseCut(reach, range, table);
    return null;
  }
  const whole = wholeFrom(reach, await runs.all(), table);
  if (whole || !cut) return whole;
  if (!backfill || !signal) throw unreached(table, cut);
  report(`${table}: its topic does not reach back; capture is asked to copy it`);
  await copiedWhole({ runs, kafka, config }, table, signal);
  const again = wholeFrom(await reachOf(records, registry), await runs.all(), table);
  if (!again) throw unreached(table, cut);
  return again;
}

const hindered = (table: string, obstacle: string) =>
  new CannotRun({
    what: `${table} cannot be switched: ${obstacle}`,
    where: 'the table in the sink',
    fix: 'rebuild it with --merge: its rows are mended where they are, and what hangs on it stays',
  });
