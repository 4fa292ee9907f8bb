import { ClickHouseError } from '@clickhouse/client';
import { expect, test } from 'vitest';
import { isTaken } from '../../sinks/clickhouse-writers.ts';

const words = 'conductor: another writer has claimed a lane';
const said = (code: string, type: string, message: string) =>
  new ClickHouseError({ code, type, message });

const cases = [
  [
    'what our own condition says',
    said('395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO', `${words}: while executing`),
    true,
  ],
  ['what quotes the statement', said('62', 'SYNTAX_ERROR', `failed at throwIf('${words}')`), false],
  [
    "what a view's own throwIf says",
    said('395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO', 'no such city'),
    false,
  ],
  ['what no server said', new Error(words), false],
] as const;

test.each(cases)(
  "whether a lane is another writer's is told by code and words: %s",
  (_, error, isOurs) => {
    expect(isTaken(error)).toBe(isOurs);
  },
);
