const types: Readonly<Record<string, string>> = {
  TabSeparated: 'text/tab-separated-values; charset=UTF-8',
  TSV: 'text/tab-separated-values; charset=UTF-8',
  CSV: 'text/csv; charset=UTF-8; header=absent',
  CSVWithNames: 'text/csv; charset=UTF-8; header=present',
  CSVWithNamesAndTypes: 'text/csv; charset=UTF-8; header=present',
  JSONEachRow: 'application/x-ndjson; charset=UTF-8',
  JSONLines: 'application/x-ndjson; charset=UTF-8',
  NDJSON: 'application/x-ndjson; charset=UTF-8',
  XML: 'application/xml; charset=UTF-8',
  Native: 'application/octet-stream',
  RowBinary: 'application/octet-stream',
  Parquet: 'application/octet-stream',
  Arrow: 'application/octet-stream',
  ArrowStream: 'application/octet-stream',
  ORC: 'application/octet-stream',
  Avro: 'application/octet-stream',
};

/** The media type that ClickHouse gives to a result format. */
export function contentType(format: string): string {
  const known = types[format];
  if (known) return known;
  if (/^(TSV|TabSeparated)/.test(format)) return 'text/tab-separated-values; charset=UTF-8';
  if (format.startsWith('JSON')) return 'application/json; charset=UTF-8';
  if (format.startsWith('RowBinary')) return 'application/octet-stream';
  return 'text/plain; charset=UTF-8';
}

// The engine makes each piece of a streamed result a document of its own: only formats without a
// frame survive being put together again.
const frameless: readonly string[] = [
  'TabSeparated',
  'TSV',
  'TabSeparatedRaw',
  'TSVRaw',
  'CSV',
  'JSONEachRow',
  'JSONLines',
  'NDJSON',
  'JSONCompactEachRow',
  'JSONStringsEachRow',
  'JSONCompactStringsEachRow',
  'TSKV',
  'RowBinary',
  'Native',
  'LineAsString',
  'RawBLOB',
];

/** Says whether the pieces of a streamed result in this format make up the whole result. */
export function canStream(format: string): boolean {
  return frameless.includes(format);
}
