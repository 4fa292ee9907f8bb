import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Fate, FaultProxy } from './fault-proxy.ts';

/** How a protocol ends a transaction, and how its server says that it has ended. */
export interface Commits {
  readonly asks: Buffer;
  readonly answers: Buffer;
}

export const postgresCommits: Commits = {
  asks: Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1'),
  answers: Buffer.from('C\0\0\0\x0bCOMMIT\0', 'latin1'),
};

export const boltCommits: Commits = {
  asks: Buffer.from([0x00, 0x02, 0xb0, 0x12, 0x00, 0x00]),
  answers: Buffer.from([0xb1, 0x70]),
};

/** Before a database: decides for each COMMIT what becomes of it. Whoever sent one that does not pass loses its connection. */
export async function commitProxy(
  { host, port }: { readonly host: string; readonly port: number },
  { asks, answers }: Commits,
  fateOf: () => Fate,
): Promise<FaultProxy> {
  const met = new Map<Fate, number>();
  const late: (() => Promise<void>)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, host);
    let fate: Fate = 'passes';
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}); // Its close says enough.
      socket.on('close', () => sockets.delete(socket));
    }
    upstream.on('close', () => client.destroy());
    client.on('close', () => void (fate === 'arrives late' || upstream.destroy()));
    client.on('data', (chunk: Buffer) => {
      if (!chunk.subarray(-asks.length).equals(asks)) return void upstream.write(chunk);
      fate = fateOf();
      met.set(fate, (met.get(fate) ?? 0) + 1);
      if (fate === 'arrives late') late.push(() => delivered(upstream, chunk));
      if (fate === 'passes' || fate === 'answer lost') upstream.write(chunk);
      else client.resetAndDestroy();
    });
    upstream.on('data', (chunk: Buffer) => {
      if (fate === 'arrives late') return; // Nobody is there any more.
      if (fate === 'passes') client.write(chunk);
      else if (chunk.includes(answers)) client.resetAndDestroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    met,
    async deliverLate() {
      for (const deliver of late.splice(0)) await deliver();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Resolves once the server has answered, or has hung up: it may have given the transaction up meanwhile. */
async function delivered(upstream: Socket, chunk: Buffer): Promise<void> {
  if (upstream.destroyed) return;
  const heard = Promise.race([once(upstream, 'data'), once(upstream, 'close')]);
  upstream.write(chunk);
  await heard.catch(() => {});
  upstream.destroy();
}
