import { CannotRun } from '../../contracts/cannot-run.ts';

interface Warehouse {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

/** Asks ClickHouse over plain HTTP, with rows for an INSERT if there are any; what it answers. */
export async function askWarehouse(
  { url, user, password }: Warehouse,
  query: string,
  rows?: Buffer<ArrayBuffer>,
): Promise<Buffer> {
  const answer = await fetch(`${url}/?query=${encodeURIComponent(query)}`, {
    method: 'POST',
    headers: { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password },
    ...(rows ? { body: rows } : {}),
  });
  const said = Buffer.from(await answer.arrayBuffer());
  if (answer.ok) return said;
  throw new CannotRun({
    what: `ClickHouse answers ${answer.status}: ${said.toString().split('\n')[0]}`,
    where: url,
    fix: 'look at its log, which is kept',
  });
}
