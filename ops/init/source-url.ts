/** A connection URL as another role's; the rest of it, TLS and all, stays. */
export function urlOfRole(
  url: string,
  {
    role,
    password,
    database,
  }: { readonly role: string; readonly password: string; readonly database: string },
): string {
  const parsed = new URL(url);
  parsed.username = encodeURIComponent(role);
  parsed.password = password;
  parsed.pathname = `/${encodeURIComponent(database)}`;
  return parsed.href.replaceAll("'", '%27'); // People paste it between quotes.
}

/** Where a database is, for people: host, port and name. */
export function placeOf(url: string, database: string): string {
  const { hostname, port, searchParams } = new URL(url);
  const host = hostname || searchParams.get('host') || 'localhost';
  return `database ${database} at ${host}:${port || '5432'}`;
}

/** A name for the source in topics, as near to the database's own as they take. */
export function topicName(database: string): string {
  const plain = database
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  if (plain === '') return 'source';
  return /^\d/.test(plain) ? `_${plain}` : plain;
}
