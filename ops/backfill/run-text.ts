import type { Run } from '../../pipelines/backfill/runs.ts';

/** A run as it is printed with --json. */
export function runJson({ id, table, condition, status, rows, message, parts, compared }: Run) {
  const done = doneShare(parts);
  return { id, table, condition, status, rows, done, message, compared };
}

/** A run as a line for people. */
export function runText(run: Run): string {
  const { id, table, condition, status, rows, message, parts } = run;
  const share = status === 'done' ? 1 : doneShare(parts);
  const line = `${String(id).padStart(4)}  ${status.padEnd(9)} ${table}  ${rows} rows, ${Math.floor(share * 100)} %`;
  const where = condition === null ? '' : `\n      where: ${condition}`;
  return `${line}${where}${message === null ? '' : `\n      ${message}`}`;
}

/** How much of what is to be read was read. */
function doneShare(parts: Run['parts']): number {
  const blocks = parts.reduce((sum, part) => sum + part.blocks, 0);
  const read = parts.reduce(
    (sum, { done }) => sum + done.reduce((inner, [from, to]) => inner + to - from, 0),
    0,
  );
  return blocks === 0 ? 0 : read / blocks;
}
