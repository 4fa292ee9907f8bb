import type pg from 'pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { bigOf, serverHash } from '../../processors/server-hash.ts';

/** Makes sure that the server hashes as we do. */
export async function checkHash(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ hash: string }>(
    `SELECT hashtextextended('conductor' COLLATE "C", 7)::text AS hash`,
  );
  const bytes = Buffer.from('conductor');
  const ours = { high: 0, low: 0 };
  serverHash(bytes, 0, bytes.length, 7, ours);
  if (rows[0]?.hash !== `${bigOf(ours)}`)
    throw new CannotRun({
      what: 'the server hashes otherwise than we do: its bytes lie the other way round',
      where: 'source.url',
      fix: 'compare the sinks with the source instead',
    });
}
