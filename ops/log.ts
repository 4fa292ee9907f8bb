import { pino } from 'pino';

/** What happened, one JSON object a line, on stderr. Never a row's value. */
export const log = pino(
  { base: null, level: process.env['CONDUCTOR_LOG'] ?? 'info' },
  pino.destination(2),
);
