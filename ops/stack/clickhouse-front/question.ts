import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refused } from './errors.ts';

/** Everything that a request says beside its body. */
export interface Question {
  readonly query: string;
  readonly queryId: string;
  readonly database: string | null;
  /** What a result looks like unless the query itself says. */
  readonly defaultFormat: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  /** Hold the answer back until the query has ended, so that an error still gets its status. */
  readonly wait: boolean;
  readonly compression: 'gzip' | 'deflate' | 'br' | 'zstd' | null;
  readonly session: Session | null;
}

/** A named session that keeps its settings and temporary tables between requests. */
export interface Session {
  readonly id: string;
  readonly seconds: number;
  readonly mustExist: boolean;
}

const notSettings: ReadonlySet<string> = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'user',
  'password',
  'quota_key',
  'stacktrace',
  'role',
  'session_id',
  'session_timeout',
  'session_check',
  'close_session',
  'compress',
  'decompress',
  'wait_end_of_query',
  'buffer_size',
  'client_protocol_version',
  'http_write_exception_in_output_format',
  'enable_http_compression',
]);

/** Reads URL and headers of a request as ClickHouse does. */
export function readQuestion(request: IncomingMessage, url: URLSearchParams): Question {
  const header = (name: string): string | null => {
    const value = request.headers[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  if (isOn(url.get('compress')) || isOn(url.get('decompress'))) {
    throw new Refused(
      'NOT_IMPLEMENTED',
      "ClickHouse's own block compression is not supported here; use Content-Encoding: gzip",
    );
  }
  const entries = [...url];
  const settings = entries.filter(([key]) => !notSettings.has(key) && !key.startsWith('param_'));
  const strange = settings.find(([key]) => !/^\w+$/.test(key));
  if (strange) throw new Refused('BAD_ARGUMENTS', `${strange[0]} is not the name of a setting`);
  return {
    query: url.get('query') ?? '',
    queryId: url.get('query_id') || randomUUID(),
    database: url.get('database') || header('x-clickhouse-database'),
    defaultFormat: url.get('default_format') || (header('x-clickhouse-format') ?? 'TabSeparated'),
    parameters: parametersIn(entries),
    settings: Object.fromEntries(settings),
    readOnly: request.method !== 'POST',
    wait: isOn(url.get('wait_end_of_query')),
    compression: compressionFor(url, header('accept-encoding') ?? ''),
    session: sessionIn(url),
  };
}

/** Picks the query parameters out of named values, in the URL or in a form. */
export function parametersIn(entries: Iterable<readonly [string, string]>): Record<string, string> {
  return Object.fromEntries(
    [...entries].flatMap(([key, value]) =>
      key.startsWith('param_') ? [[key.slice('param_'.length), value]] : [],
    ),
  );
}

function compressionFor(url: URLSearchParams, accepted: string): Question['compression'] {
  if (!isOn(url.get('enable_http_compression'))) return null;
  const names = accepted.split(',').map((name) => name.split(';')[0]?.trim());
  return (['gzip', 'br', 'zstd', 'deflate'] as const).find((name) => names.includes(name)) ?? null;
}

function sessionIn(url: URLSearchParams): Session | null {
  const id = url.get('session_id');
  if (!id) return null;
  const seconds = Number(url.get('session_timeout') ?? 60);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 3_600) {
    throw new Refused('INVALID_SESSION_TIMEOUT', `Invalid session timeout: 1 to 3600 seconds`);
  }
  return { id, seconds, mustExist: isOn(url.get('session_check')) };
}

function isOn(value: string | null): boolean {
  return value === '1' || value === 'true';
}
