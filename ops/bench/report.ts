import { type Figures, figureNames, figureText } from './figures.ts';
import type { Machine } from './machine.ts';

/** What a benchmark prints with `--json`: ratios are taken within one report, never across two. */
export interface Report {
  readonly bench: string;
  readonly machine: Machine;
  readonly subject: Figures;
  readonly limit: Figures;
  readonly peers: Readonly<Record<string, Figures>>;
}

/** What a figure was hoped to be. */
export interface Target {
  readonly what: string;
  readonly got: number;
  readonly wanted: number;
  readonly is: 'at least' | 'at most';
  readonly unit: string;
}

/** How fast a subject was hoped to be. */
export const speed = (what: string, { rows_per_s: got = 0 }: Figures, wanted: number): Target => ({
  what,
  got,
  wanted,
  is: 'at least',
  unit: 'rows/s',
});

/** In how much memory it was hoped to do with. */
export const peakMemory = ({ peak_rss_mb: got = Infinity }: Figures, wanted: number): Target => ({
  what: 'peak memory',
  got,
  wanted,
  is: 'at most',
  unit: 'MB',
});

/** A report, and what people are told besides. */
export interface Outcome {
  readonly report: Report;
  readonly names: { readonly subject: string; readonly limit: string };
  readonly targets: readonly Target[];
  readonly notes: readonly string[];
}

const heads: Readonly<Record<keyof Figures, string>> = {
  rows_per_s: 'rows/s',
  wall_s: 'whole s',
  cpu_s: 'CPU s',
  servers_cpu_s: 'servers s',
  machine_cpu_s: 'all CPU s',
  peak_rss_mb: 'peak MB',
  p50_ms: 'p50 ms',
  p95_ms: 'p95 ms',
  p99_ms: 'p99 ms',
  max_ms: 'max ms',
};

/** The report as a table, then a line per target and per note. */
export function outcomeText({ report, names, targets, notes }: Outcome): string {
  const { machine, subject, limit, peers } = report;
  const rows: readonly (readonly [string, Figures])[] = [
    [names.subject, subject],
    [names.limit, limit],
    ...Object.entries(peers),
  ];
  const shown = figureNames.filter((name) => rows.some(([, figures]) => name in figures));
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(11)).join('')}`;
  const cell = (figures: Figures, name: keyof Figures) => {
    const value = figures[name];
    return value === undefined ? '' : figureText(name, value);
  };
  return [
    `${report.bench} on ${machine.cores} cores (${machine.cpu}), ${machine.memory_gb} GB, load ${machine.load_before} before`,
    line(
      '',
      shown.map((name) => heads[name]),
    ),
    ...rows.map(([name, figures]) =>
      line(
        name,
        shown.map((each) => cell(figures, each)),
      ).trimEnd(),
    ),
    ...targets.map(targetText),
    ...notes,
    '',
  ].join('\n');
}

/** Whether the figure is what was hoped for. */
export const isMet = ({ got, wanted, is }: Target): boolean =>
  is === 'at least' ? got >= wanted : got <= wanted;

function targetText(target: Target): string {
  const { what, got, wanted, is, unit } = target;
  const number = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 2 });
  return `${isMet(target) ? 'met  ' : 'short'} ${what}: ${number(got)} ${unit} (${is} ${number(wanted)})`;
}
