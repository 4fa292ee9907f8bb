import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, createSecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';

/** TLS between two sockets that are connected. No certificate is needed: both sides know one key. */
export async function overTls(
  ours: Socket,
  theirs: Socket,
): Promise<{ readonly over: TLSSocket; readonly server: TLSSocket }> {
  const psk = Buffer.alloc(16, 7);
  const how = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;
  const server = new TLSSocket(theirs, {
    isServer: true,
    secureContext: createSecureContext(how),
    pskCallback: () => psk,
  } as TLSSocketOptions);
  server.on('error', () => {}); // Of a test that has ended.
  const over = connect({
    ...how,
    socket: ours,
    pskCallback: () => ({ psk, identity: 'us' }),
    checkServerIdentity: () => undefined,
  });
  await once(over, 'secureConnect');
  return { over, server };
}
