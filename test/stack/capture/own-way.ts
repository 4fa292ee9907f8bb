import { sql } from '@databases/pg';
import { type OwnPostgres, ownPostgres } from '../source/own-postgres.ts';
import { servers } from '../servers.ts';
import { openWay, type Way } from '../way/way.ts';
import { faultTables } from './tables.ts';

/** A way on a PostgreSQL of its own, source and state, which may be treated as nobody would treat a shared one. */
export interface OwnWay extends AsyncDisposable {
  readonly way: Way;
  readonly postgres: OwnPostgres;
}

export async function ownWay(settings: Readonly<Record<string, string>>): Promise<OwnWay> {
  const postgres = await ownPostgres({ settings });
  const { hostname, port, username: user, password } = new URL(postgres.url());
  const shared = await servers();
  const server = { ...shared.postgres, host: hostname, port: Number(port), user, password };
  const way = await openWay(faultTables, { postgres: server });
  return {
    way,
    postgres,
    async [Symbol.asyncDispose]() {
      await way[Symbol.asyncDispose]();
      await postgres[Symbol.asyncDispose]();
    },
  };
}

/** The server process that sends WAL for a slot, and when it was last heard of. */
export async function senderOf(way: Way, slot = way.name) {
  const [row] = (await way.source.query(sql`
    SELECT active_pid AS pid, extract(epoch FROM reply_time)::float8 AS heard
    FROM pg_replication_slots LEFT JOIN pg_stat_replication ON pid = active_pid
    WHERE slot_name = ${slot}`)) as readonly { pid: number | null; heard: number | null }[];
  return { pid: row?.pid ?? null, heard: row?.heard ?? 0 };
}

/** Before a broker: what it says of its port is that of the proxy. */
export const brokerBehind = (brokers: readonly string[]) => {
  const [host = '', port = ''] = (brokers[0] ?? '').split(':');
  const address = (at: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(at);
    return Buffer.concat([Buffer.from(host), bytes]);
  };
  const rewritten = (chunk: Buffer, own: number): Buffer => {
    const at = chunk.indexOf(address(Number(port)));
    if (at < 0) return chunk;
    const copy = Buffer.from(chunk);
    address(own).copy(copy, at);
    return copy;
  };
  return { host, port: Number(port), rewritten };
};
