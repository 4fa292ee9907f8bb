import { type SQLQuery, sql } from '@databases/pg';

/**
 * A name in a statement, quoted as PostgreSQL quotes it, its parts joined by dots. The client's own
 * `sql.ident` takes none but ASCII.
 */
export const sqlName = (...parts: readonly string[]): SQLQuery =>
  sql.__dangerous__rawValue(parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.'));
