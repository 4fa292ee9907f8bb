/**
 * SQLSTATE classes whose messages may quote a value of a row: data exceptions, integrity, and what functions,
 * triggers and foreign servers say in words of their own.
 */
const quoting = /^(?:22|23|38|39|HV|P0)[0-9A-Z]{3}$/;

/** What an error says, for people and logs. Where PostgreSQL may quote a value, its code says it. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return quoting.test(code)
    ? `PostgreSQL complains of a value or a condition (SQLSTATE ${code}); the words are in the server's log`
    : error.message;
}
