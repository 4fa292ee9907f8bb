/** The last columns hold numbers: their ends are below each other. */
export function numbersRight(table: readonly (readonly string[])[], columns: number) {
  const first = (table[0]?.length ?? 0) - columns;
  const widths = (table[0] ?? []).map((_, at) =>
    Math.max(...table.map((row) => row[at]?.length ?? 0)),
  );
  return table.map((row) =>
    row.map((cell, at) => (at < first ? cell : cell.padStart(widths[at] ?? 0))),
  );
}
