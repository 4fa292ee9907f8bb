/** What was measured of one contender; what does not apply to it is left out. */
export interface Figures {
  readonly rows_per_s?: number;
  readonly wall_s?: number; // From the start of its process to its end.
  readonly cpu_s?: number; // Of its process and that one's children, their start included.
  readonly servers_cpu_s?: number; // Of the servers of its site meanwhile, whatever else runs on the machine.
  readonly machine_cpu_s?: number; // Of all that ran on the machine meanwhile: the servers, and strangers.
  readonly peak_rss_mb?: number;
  readonly p50_ms?: number;
  readonly p95_ms?: number;
  readonly p99_ms?: number;
  readonly max_ms?: number;
}

const decimals: Readonly<Record<keyof Figures, number>> = {
  rows_per_s: 0,
  wall_s: 2,
  cpu_s: 2,
  servers_cpu_s: 2,
  machine_cpu_s: 1,
  peak_rss_mb: 0,
  p50_ms: 2,
  p95_ms: 2,
  p99_ms: 2,
  max_ms: 1,
};

/** Every figure there is, in the order in which they are shown. */
export const figureNames = Object.keys(decimals) as readonly (keyof Figures)[];

/** A figure as it is shown. */
export const figureText = (name: keyof Figures, value: number): string =>
  value.toLocaleString('en-US', {
    minimumFractionDigits: decimals[name],
    maximumFractionDigits: decimals[name],
  });

/** Leaves out what was not measured, and the digits that mean nothing. */
export function rounded(figures: {
  readonly [Name in keyof Figures]: number | undefined;
}): Figures {
  return Object.fromEntries(
    figureNames.flatMap((name) => {
      const value = figures[name];
      return value === undefined ? [] : [[name, Number(value.toFixed(decimals[name]))]];
    }),
  );
}
