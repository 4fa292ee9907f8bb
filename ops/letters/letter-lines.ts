import type { FoundLetter } from '../../replay/letter-search.ts';
import type { Stats } from './letter-stats.ts';

const shortId = 10; // Of 32 digits: among a million letters, two of the same pipeline rarely share them.

/** Letters as a table for people. */
export function listLines(found: readonly FoundLetter[], limit: number): readonly string[] {
  if (found.length === 0) return ['no letter is of that kind'];
  const rows = found.map(({ id, at, pipeline, table, reason, origin, bytes, state }) => [
    id.slice(0, shortId),
    timeText(at),
    pipeline,
    table ?? '-',
    reason,
    sizeText(bytes),
    state,
    origin,
  ]);
  const lines = aligned([
    ['id', 'written', 'pipeline', 'table', 'reason', 'size', 'state', 'origin'],
    ...rows,
  ]);
  return found.length < limit ? lines : [...lines, `the newest ${limit}; --limit shows more`];
}

/** Counts as two tables for people: of what kinds letters are, and how full their topics. */
export function statsLines({ counts, topics }: Stats): readonly string[] {
  if (counts.length === 0) return ['there are no letters'];
  const kinds = counts.map(({ pipeline, table, reason, open, gone, bytes, oldest, newest }) => [
    pipeline,
    table ?? '-',
    reason,
    `${open}`,
    `${gone}`,
    sizeText(bytes),
    timeText(oldest),
    timeText(newest),
  ]);
  const fills = topics.map(({ topic, letters, bytes, oldest, retention }) => [
    topic,
    `${letters}`,
    sizeText(bytes),
    retention.bytesShare === null ? 'no limit' : percent(retention.bytesShare),
    timeText(oldest),
    retention.ageShare === null ? 'no limit' : percent(retention.ageShare),
  ]);
  return [
    ...aligned([
      ['pipeline', 'table', 'reason', 'open', 'gone', 'size', 'oldest', 'newest'],
      ...kinds,
    ]),
    '',
    ...aligned([['topic', 'open', 'size', 'of its bytes', 'oldest', 'of its retention'], ...fills]),
  ];
}

const timeText = (at: Date | null): string =>
  at ? at.toISOString().replace('T', ' ').slice(0, 19) : '-';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000
    ? `${(bytes / 1_000).toFixed(1)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
