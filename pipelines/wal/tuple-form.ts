import { copyClient } from '../backfill/copy-out.ts';
import { describeTable } from '../backfill/described.ts';
import { answerMs, hangUp } from './own-pool.ts';

/**
 * Whether every value of these tables can be read in binary form: it is less work for both sides, but of
 * some types only the text is known exactly, and the server is asked for one form of all.
 */
export async function canBeBinary(
  url: string,
  publication: string,
  tables: Iterable<string>,
): Promise<boolean> {
  const client = await copyClient(url, answerMs);
  try {
    for (const table of tables) {
      const described = await describeTable(client, table, publication);
      if (described?.asText.includes(true)) return false;
    }
    return true;
  } finally {
    await hangUp(client);
  }
}
