import { CannotRun, NotNow } from '../contracts/cannot-run.ts';

interface Warehouse {
  readonly url: string;
  readonly user: string;
  readonly database: string;
}

/** What is wrong with a warehouse that cannot be opened or asked, and how to mend it. */
export function warehouseTrouble({ url, user, database }: Warehouse, cause: unknown): Error {
  if (cause instanceof CannotRun) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const said = cause instanceof Error ? cause.message || code : String(cause);
  const fix = fixes.find(([pattern]) => pattern.test(code))?.[1];
  const what = `cannot open the ClickHouse warehouse ${database} at ${url} as ${user}: ${said.trim().split('\n')[0]}`;
  const mend = fix ?? 'mend what it says, or correct the settings of this sink';
  return new NotNow({ what, where: 'sinks.clickhouse', fix: mend }, { cause });
}

const fixes: readonly (readonly [RegExp, string])[] = [
  [/^(516|192|193|194)$/, 'correct the user and password'],
  [
    /^497$/,
    'GRANT CREATE, ALTER, DROP, SELECT, INSERT on that database to the user, and SELECT on system.processes and system.columns',
  ],
  [/^E[A-Z]+$/, 'start the server, or correct the host and port of the URL'],
];
