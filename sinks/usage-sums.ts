import type { ClickHouseClient } from '@clickhouse/client';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { WarehousePlace } from './clickhouse-place.ts';
import { literal } from './clickhouse-tables.ts';
import { usageTables } from './usage-tables.ts';

/** How far lanes of one topic go in the ledger: all before is in it, and stays as it is. */
export type LaneEnds = ReadonlyMap<number, bigint>;

/** Whether a pass had room for all that was due. */
export type Summed = 'all is summed' | 'more is to be summed';

/** How far the lanes of a topic are in the ledger. */
export async function endsIn(
  client: ClickHouseClient,
  place: WarehousePlace,
  topic: string,
): Promise<LaneEnds> {
  const from = `${place.at(usageTables.ledger)} WHERE topic = ${literal(topic)}`;
  return lanesOf(
    client,
    `SELECT lane, toString(max(offset) + 1) AS next FROM ${from} GROUP BY lane`,
  );
}

async function lanesOf(client: ClickHouseClient, query: string): Promise<LaneEnds> {
  const answer = await client.query({ query, format: 'JSONEachRow' });
  const lanes = await answer.json<{ lane: number; next: string }>();
  return new Map(lanes.map(({ lane, next }) => [Number(lane), BigInt(next)]));
}

/** Of a lane, what one pass looks at: from what the last one summed to where the ledger goes. */
interface Stretch {
  readonly lane: number;
  readonly from: bigint;
  readonly next: bigint;
}

const mostAtOnce = 4_000_000n; // Events of one pass: their names are in the server's memory.

/**
 * Brings the sums of a topic up to its ledger: finds what does not count of what came since, and sums every hour that
 * this touched anew. Returns whether there is more. What a pass finds depends on the ledger alone, and is told before
 * the sums and its progress after them: it can be done again, and beside another, as often as one likes.
 */
export async function sumUp(
  client: ClickHouseClient,
  place: WarehousePlace,
  topic: string,
  ends: LaneEnds,
): Promise<Summed> {
  const { stretches, left } = await dueOf(client, place, topic, ends);
  if (stretches.length > 0) {
    for (const query of passOf(place, topic, stretches)) {
      failpoint('summing');
      await client.command({ query });
    }
  }
  return left ? 'more is to be summed' : 'all is summed';
}

/** What is due, as far as it is done at once. */
async function dueOf(
  client: ClickHouseClient,
  place: WarehousePlace,
  topic: string,
  ends: LaneEnds,
) {
  const from = `${place.at(usageTables.progress)} WHERE topic = ${literal(topic)}`;
  const summed = await lanesOf(
    client,
    `SELECT lane, toString(max(next)) AS next FROM ${from} GROUP BY lane`,
  );
  const stretches: Stretch[] = [];
  let room = mostAtOnce;
  let left = false;
  for (const [lane, end] of ends) {
    const from = summed.get(lane) ?? 0n;
    if (end <= from) continue;
    const next = end - from > room ? from + room : end;
    if (next < end) left = true;
    if (next > from) stretches.push({ lane, from, next });
    room -= next - from;
  }
  return { stretches, left };
}

/** The statements of a pass, in their order. */
function passOf(
  place: WarehousePlace,
  topic: string,
  stretches: readonly Stretch[],
): readonly string[] {
  const [ledger, notCounted] = [place.at(usageTables.ledger), place.at(usageTables.notCounted)];
  const of = `topic = ${literal(topic)}`;
  const before = any(stretches, ({ lane, next }) => `lane = ${lane} AND offset < ${next}`);
  const fresh = any(
    stretches,
    ({ lane, from, next }) => `lane = ${lane} AND offset >= ${from} AND offset < ${next}`,
  );
  const nextOf = `transform(lane, [${stretches.map(({ lane }) => lane).join(', ')}], [${stretches.map(({ next }) => `toUInt64(${next})`).join(', ')}], toUInt64(0))`;
  const touched = `SELECT tenant, hour FROM ${ledger} WHERE ${of} AND ${fresh}
    UNION DISTINCT SELECT tenant, hour FROM ${notCounted}
      WHERE ${of} AND ${any(stretches, ({ lane, from }) => `lane = ${lane} AND \`by\` > ${from}`)}`;
  return [
    `INSERT INTO ${notCounted} (tenant, hour, topic, lane, offset, name, corrected, why, instead, \`by\`)
      ${notCountedAmong({ ledger, notCounted, topic: literal(topic), before, fresh, nextOf })}`,
    `INSERT INTO ${place.at(usageTables.hourly)} (tenant, hour, unit, operation, dataset, region, topic, lane, quantity, events, version)
      SELECT tenant, hour, unit, operation, dataset, region, topic, lane,
        sumIf(quantity, counts), countIf(counts), ${nextOf}
      FROM (
        SELECT tenant, hour, unit, operation, dataset, region, topic, lane, quantity, (lane, offset) NOT IN (
          SELECT lane, offset FROM ${notCounted} WHERE ${of} AND (tenant, hour) IN (${touched})
        ) AS counts
        FROM ${ledger} WHERE ${of} AND ${before} AND (tenant, hour) IN (${touched})
      )
      GROUP BY tenant, hour, unit, operation, dataset, region, topic, lane`,
    `INSERT INTO ${place.at(usageTables.progress)} (topic, lane, next) VALUES
      ${stretches.map(({ lane, next }) => `(${literal(topic)}, ${lane}, ${next})`).join(', ')}`,
  ];
}

interface Among {
  readonly ledger: string;
  readonly notCounted: string;
  readonly topic: string;
  readonly before: string; // Conditions: what the pass sees,
  readonly fresh: string; // and what of it came since the last one.
  readonly nextOf: string; // How far a row's lane is seen.
}

/**
 * What of the ledger does not count, of names that were told again or corrected since the last pass. Of one name
 * the first event stands. A correction takes the place of the event that it names, and of the corrections of that
 * before it; one that names a correction takes no place at all. So nothing ever counts again that once did not.
 *
 * In the thread of an id are the events of that id, and those that correct it: a correction is in two of them.
 */
function notCountedAmong({ ledger, notCounted, topic, before, fresh, nextOf }: Among): string {
  const freshOnes = `${ledger} WHERE topic = ${topic} AND ${fresh}`;
  const freshNames = `SELECT name FROM ${freshOnes}`;
  const seen = `${ledger} WHERE topic = ${topic} AND ${before}`;
  const names = `SELECT name FROM ${seen} AND name IN (${freshNames}) GROUP BY name HAVING count() > 1
    UNION DISTINCT SELECT corrected FROM ${freshOnes} AND corrected != 0
    UNION DISTINCT SELECT corrected FROM ${seen} AND corrected != 0 AND corrected IN (${freshNames})`;
  const known = `${notCounted} WHERE topic = ${topic}`;
  const content = '(unit, quantity, at, operation, dataset, region, corrects)';
  return `SELECT tenant, hour, ${topic}, lane, nth, name, corrected, why,
      multiIf(why IN ('repeated', 'conflict'), first, why = 'corrects-a-correction', nth, last) AS instead, ${nextOf}
    FROM (
      SELECT tenant, hour, lane, nth, name, corrected, first, thread = id AS is_told, thread = corrects AS corrects_it,
        max(if(corrects_it AND nth = first, nth, -1)) OVER in_thread AS last,
        max(is_told AND corrects != '' AND nth = first) OVER in_thread AS is_of_a_correction,
        multiIf(
          is_told AND nth != first, if(content = first_content, 'repeated', 'conflict'),
          is_told AND corrects = '' AND last >= 0, 'corrected',
          corrects_it AND nth = first AND is_of_a_correction, 'corrects-a-correction',
          corrects_it AND nth = first AND nth != last, 'superseded',
          '') AS why
      FROM (
        SELECT tenant, source, id, name, corrected, lane, toInt64(offset) AS nth, hour, corrects, ${content} AS content,
          first_value(nth) OVER of_name AS first, first_value(content) OVER of_name AS first_content
        FROM ${seen} AND (name IN (${names}) OR corrected IN (${names}))
          AND (lane, offset) NOT IN (
            SELECT lane, offset FROM ${known} AND why IN ('repeated', 'conflict') AND (name IN (${names}) OR corrected IN (${names})))
        WINDOW of_name AS (PARTITION BY lane, tenant, source, id ORDER BY nth ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
      )
      ARRAY JOIN if(corrects = '', [id], [id, corrects]) AS thread
      WINDOW in_thread AS (PARTITION BY lane, tenant, source, thread)
    )
    WHERE why != '' AND (lane, nth) NOT IN (SELECT lane, toInt64(offset) FROM ${known} AND (name IN (${names}) OR corrected IN (${names})))
    SETTINGS use_index_for_in_with_subqueries = 0`;
}

const any = (stretches: readonly Stretch[], condition: (stretch: Stretch) => string): string =>
  `(${stretches.map((each) => `(${condition(each)})`).join(' OR ')})`;
