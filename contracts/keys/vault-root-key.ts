import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun, NotNow } from '../cannot-run.ts';
import { KeyringError } from './keyring-error.ts';
import { post, type VaultAnswer } from './vault-request.ts';
import type { RemoteRootKey } from './root-key.ts';

/** Where Vault is, and how it knows us. */
export interface VaultSettings {
  readonly url: string;
  readonly key: string; // Of the transit engine.
  readonly mount: string;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined; // Read at each request: an agent may renew it.
  readonly namespace?: string | undefined;
  readonly ca?: string | undefined; // PEM.
  readonly timeout: number; // Seconds.
}

const mostAtOnce = 250;
const waitsMs = [200, 800];

type Item = Readonly<Record<string, unknown>>;

/** A root key in the transit engine of HashiCorp Vault (https://developer.hashicorp.com/vault/api-docs/secret/transit): it never leaves Vault. */
export function vaultRootKey(settings: VaultSettings): RemoteRootKey {
  const { key } = settings;
  const ask = (path: string, body: object) => answered(settings, path, body);
  const batches = async (verb: string, input: readonly Item[], field: string) => {
    const found: string[] = [];
    for (let at = 0; at < input.length; at += mostAtOnce) {
      const path = `${verb}/${encodeURIComponent(key)}`;
      const { data } = await ask(path, { batch_input: input.slice(at, at + mostAtOnce) });
      for (const result of resultsIn(data)) {
        const value = result[field];
        const error = errorOf(result); // An item that failed may have an empty value beside it.
        if (error !== null || typeof value !== 'string')
          throw refused(settings, verb, error ?? `it answers without ${field}`);
        found.push(value);
      }
    }
    if (found.length !== input.length)
      throw refused(settings, verb, 'it answered for some of the keys only');
    return found;
  };
  const ofCiphertexts = (wrapped: readonly string[]) =>
    wrapped.map((ciphertext) => ({ ciphertext }));
  return {
    kind: 'remote',
    name: `keyring.kms.vault = ${settings.url}, ${settings.mount}/${key}`,
    wrap: (keys) =>
      batches(
        'encrypt',
        keys.map((each) => ({ plaintext: each.toString('base64') })),
        'ciphertext',
      ),
    async unwrap(wrapped) {
      if (wrapped.some((text) => !text.startsWith('vault:')))
        throw new KeyringError(
          'the keyring is wrapped by keyring.rootKey yet: give it beside keyring.kms, and rotate the root key',
        );
      const found = await batches('decrypt', ofCiphertexts(wrapped), 'plaintext');
      return found.map((text) => Buffer.from(text, 'base64'));
    },
    rewrap: (wrapped) => batches('rewrap', ofCiphertexts(wrapped), 'ciphertext'),
    async rotate() {
      await ask(`keys/${encodeURIComponent(key)}/rotate`, {});
      return null;
    },
    follow: () => true, // Vault knows its versions itself.
    async retire() {
      const [newest = ''] = await this.wrap([Buffer.alloc(1)]);
      const version = Number(/^vault:v(\d+):/.exec(newest)?.[1]);
      await ask(`keys/${encodeURIComponent(key)}/config`, { min_decryption_version: version });
    },
  };
}

const resultsIn = (data: VaultAnswer['data']): readonly Item[] =>
  Array.isArray(data['batch_results']) ? (data['batch_results'] as readonly Item[]) : [];

const errorOf = ({ error }: Item): string | null =>
  typeof error === 'string' && error !== '' ? error : null;

/** Why an answer refuses: what it says of the whole, or of its items. */
const whyOf = ({ errors, data }: VaultAnswer): string =>
  [...errors, ...new Set(resultsIn(data).flatMap((result) => errorOf(result) ?? []))].join('; ');

/** Asks until Vault answers, a few times: what it then says is final, or to be waited out. */
async function answered(settings: VaultSettings, path: string, body: object) {
  for (let attempt = 0; ; attempt++) {
    const answer = await asked(settings, path, body);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const waitMs = waitsMs[attempt];
    const isPassing = answer.status === 0 || answer.status === 429 || answer.status >= 472;
    if (!isPassing) throw refused(settings, path, whyOf(answer), answer.status);
    if (waitMs === undefined) throw unreachable(settings, answer);
    await wait(waitMs);
  }
}

async function asked(settings: VaultSettings, path: string, body: object): Promise<VaultAnswer> {
  const { url, mount, namespace, ca, timeout } = settings;
  const token = await tokenOf(settings);
  const address = `${url.replace(/\/$/, '')}/v1/${mount}/${path}`;
  try {
    return await post(address, body, { token, namespace, ca, timeoutMs: timeout * 1_000 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    const why = error instanceof Error ? `${error.message}${code}` : String(error);
    return { status: 0, errors: [why], data: {} };
  }
}

async function tokenOf({ token, tokenFile }: VaultSettings): Promise<string> {
  if (tokenFile === undefined) return token ?? '';
  const text = await readFile(tokenFile, 'utf8').catch((cause: unknown) => {
    throw new NotNow(
      {
        what: 'the token for Vault cannot be read',
        where: `keyring.kms.vault.tokenFile = ${tokenFile}`,
        fix: 'have the agent write it there, readable by Conductor; it is read at each request',
      },
      { cause },
    );
  });
  return text.trim();
}

const whereOf = ({ url, mount, key }: VaultSettings) =>
  `keyring.kms.vault = ${url}, transit key ${key} at ${mount}/`;

const unreachable = (settings: VaultSettings, { status, errors }: VaultAnswer) =>
  new NotNow({
    what:
      status === 503
        ? 'Vault is sealed, or about to be: it opens no keys'
        : `Vault cannot be reached: ${errors.join('; ') || `it answers with ${status}`}`,
    where: whereOf(settings),
    fix: 'start or unseal Vault, or correct keyring.kms.vault.url and .ca; nothing is confirmed until it answers',
  });

function refused(settings: VaultSettings, path: string, why: string, status = 400): CannotRun {
  const verb = path.split('/')[0] ?? path;
  const fix =
    status === 403
      ? `give a token whose policy allows update on ${settings.mount}/${path}`
      : status === 404
        ? `mount the transit engine at ${settings.mount}/ and make the key: vault write -f ${settings.mount}/keys/${settings.key}`
        : 'use the key that the keyring was wrapped with; if its versions were trimmed, restore both from one backup';
  const said = status === 403 ? 'permission denied' : why;
  return new CannotRun({ what: `Vault refuses ${verb}: ${said}`, where: whereOf(settings), fix });
}
