import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as plainServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as tlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A Vault whose transit engine answers as its documentation says (https://developer.hashicorp.com/vault/api-docs/secret/transit), and really encrypts. */
export interface VaultDouble extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly asked: string[]; // Verbs and paths, in the order they came.
  state: 'open' | 'sealed' | 'silent' | 'proxy';
  allow: (path: string) => boolean; // The policy of the token.
  readonly keys: Map<string, TransitKey>;
}

interface TransitKey {
  readonly versions: Buffer[]; // Of version 1 first.
  min_decryption_version: number;
}

type Item = Readonly<Record<string, unknown>>;

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function vaultDouble(
  tls: { readonly key: string; readonly cert: string } | null = null,
): Promise<VaultDouble> {
  const token = `hvs.${randomBytes(12).toString('hex')}`;
  const answer: RequestListener = (request, response) => {
    void respond(request).then(({ status, body }) => {
      if (double.state === 'silent') return;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  };
  const server = tls ? tlsServer(tls, answer) : plainServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const double: VaultDouble = {
    url: `${tls ? 'https' : 'http'}://localhost:${port}`,
    token,
    asked: [],
    state: 'open',
    allow: () => true,
    keys: new Map(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function respond(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = (request.url ?? '').replace('/v1/', '');
    double.asked.push(`${request.method} ${path}`);
    if (double.state === 'proxy') return { status: 502, body: '<html>Bad Gateway</html>' };
    if (double.state === 'sealed') return { status: 503, body: { errors: ['Vault is sealed'] } };
    if (request.headers['x-vault-token'] !== token || !double.allow(path))
      return { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } };
    try {
      const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Item;
      const data = transit(double.keys, path, body);
      return { status: isRefusedWhole(path, data) ? 400 : 200, body: { data } };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { status: error.status, body: { errors: [error.message] } };
    }
  }
  return double;
}

function transit(keys: VaultDouble['keys'], path: string, body: Item): object {
  const [mount, verb, name = '', what] = path.split('/');
  if (mount !== 'transit') throw new Refused(404, `no handler for route "${path}"`);
  if (verb === 'keys') return administer(keys, name, what, body);
  if (verb === 'encrypt' && !keys.has(name))
    keys.set(name, { versions: [randomBytes(32)], min_decryption_version: 1 });
  const key = keys.get(name);
  if (!key) throw new Refused(400, 'encryption key not found');
  const items = body['batch_input'] as readonly Item[];
  const each = (work: (item: Item) => object) => ({ batch_results: items.map(work) });
  if (verb === 'encrypt')
    return each(({ plaintext }) => encrypted(key, Buffer.from(String(plaintext), 'base64')));
  if (verb === 'decrypt')
    return each(({ ciphertext }) => {
      const opened = decrypted(key, String(ciphertext));
      return opened ? { plaintext: opened.toString('base64') } : { plaintext: '', ...tooOld };
    });
  if (verb === 'rewrap')
    return each(({ ciphertext }) => {
      const opened = decrypted(key, String(ciphertext));
      return opened ? encrypted(key, opened) : tooOld;
    });
  throw new Refused(404, `no handler for route "${path}"`);
}

/** As Vault 1.21 does it: with 400 where an item was not opened, with 200 where one was not wrapped anew. */
const isRefusedWhole = (path: string, data: object): boolean =>
  path.startsWith('transit/decrypt/') && JSON.stringify(data).includes('"error"');

const tooOld = { error: 'ciphertext or signature version is disallowed by policy (too old)' };

function administer(keys: VaultDouble['keys'], name: string, what = '', body: Item): object {
  const key = keys.get(name);
  if (!key) throw new Refused(404, 'no existing key found');
  if (what === 'rotate') key.versions.push(randomBytes(32));
  else if (what === 'config')
    key.min_decryption_version = Number(body['min_decryption_version'] ?? 1);
  else throw new Refused(404, 'unsupported operation');
  return {};
}

function encrypted({ versions }: TransitKey, plain: Buffer) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1)!, nonce);
  const text = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const version = versions.length;
  return { ciphertext: `vault:v${version}:${text.toString('base64')}`, key_version: version };
}

function decrypted(key: TransitKey, ciphertext: string): Buffer | null {
  const [, version = '', text = ''] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? [];
  if (Number(version) < key.min_decryption_version) return null;
  const bytes = Buffer.from(text, 'base64');
  const bytesOfKey = key.versions[Number(version) - 1];
  if (!bytesOfKey) throw new Refused(400, 'invalid ciphertext: version is too new');
  const decipher = createDecipheriv('aes-256-gcm', bytesOfKey, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
}
