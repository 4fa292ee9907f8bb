import type pg from 'pg';
import { hangUp } from './own-pool.ts';

/**
 * What a session that reads values goes by, whatever its database and its role are set to: one text for one
 * value.
 */
const options = [
  'timezone=UTC',
  'datestyle=ISO',
  'intervalstyle=postgres',
  'extra_float_digits=3',
  'bytea_output=hex',
  'lc_monetary=C',
  'quote_all_identifiers=off',
] as const;

/** The options of such a session, and `more` of its own. */
export const sessionOptions = (...more: readonly string[]): string =>
  [...options, ...more].map((each) => `-c ${each}`).join(' ');

/**
 * Has a session end nothing that takes long: a transaction that is decoded for longer than its timeout would
 * be decoded again for ever. And in SQL_ASCII, where any bytes are text, it makes no others of them: the server
 * would end the stream at those that are not UTF-8. What only newer servers know cannot be an option: an older
 * one would let nobody in who names it.
 */
export const unhurried = `SELECT set_config(name, CASE name WHEN 'client_encoding' THEN 'SQL_ASCII' ELSE '0' END, false)
  FROM pg_settings
  WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout',
                 'idle_in_transaction_session_timeout')
     OR name = 'client_encoding' AND current_setting('server_encoding') = 'SQL_ASCII'`;

export async function connectUnhurried(client: pg.Client): Promise<void> {
  await client.connect();
  try {
    await client.query(unhurried);
  } catch (error) {
    await hangUp(client);
    throw error;
  }
}
