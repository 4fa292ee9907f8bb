import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { type Config, loadConfig } from '../../contracts/config.ts';
import { fileKeyring } from '../../contracts/keys/file-keyring.ts';
import { mintedClaims, type Minted } from '../../contracts/token-claims.ts';
import { publicKeys } from '../tokens/key-file.ts';
import { ownSecret } from '../tokens/own-secret.ts';
import { mint, rotate, type Signing } from '../tokens/signing.ts';
import { TokenRefused, verifier } from '../tokens/verify.ts';
import { configFile, configOption } from './config-file.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

interface MintFlags extends Flags {
  readonly subject: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly purpose: string;
  readonly ttl: number;
  readonly audience?: string;
  readonly once?: true;
  readonly details?: unknown;
}

/** Exit code of what was verified and found wrong. */
const notVerified = 3;

/** Adds `conductor token`. */
export function tokenCommands(program: Command): void {
  const token = program
    .command('token')
    .summary('tokens that are bound to a purpose, and the keys that sign them');
  mintCommand(token);
  token
    .command('verify')
    .summary('verify the token on standard input')
    .description(
      'Reads a token from standard input, and prints its claims if it is taken. Otherwise it says which check failed, and ends with 3.',
    )
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  conductor token verify < token.txt')
    .action(verifyOne);
  token
    .command('rotate')
    .summary('make a new signing key')
    .description(
      'Publishes a new key, which signs 10 minutes later; the older ones are taken until the last token that they signed has expired.',
    )
    .option('--compromised', 'sign with it at once, and take no token of an older key any more')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor token rotate')
    .action(async (flags: Flags & { readonly compromised?: true }) => {
      const config = await loadConfig(await configFile(flags.config));
      const how = flags.compromised ? 'compromised' : 'with overlap';
      const { kid, nbf } = await signing(config, (by) => rotate(by, how, new Date()));
      const from = new Date(nbf * 1_000).toISOString();
      print(flags.json ? JSON.stringify({ kid, signsFrom: from }) : `${kid} signs from ${from}`);
    });
  token
    .command('jwks')
    .summary('the public keys, as a JSON Web Key Set')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  conductor token jwks > jwks.json')
    .action(async (flags: Flags) => {
      const { tokens } = await loadConfig(await configFile(flags.config));
      print(JSON.stringify({ keys: await publicKeys(tokens.directory) }));
    });
}

function mintCommand(token: Command): void {
  token
    .command('mint')
    .summary('sign a token for a subject, a tenant and a purpose')
    .requiredOption('--subject <subject>', 'whoever bears it')
    .requiredOption('--tenant <tenant>', 'the tenant whose rows it may see')
    .requiredOption('--purpose <purpose>', 'what the data is read for')
    .option('--roles <roles>', 'roles, with commas between', list, [])
    .option('--scopes <scopes>', 'abilities that it is limited to, with commas between', list, [])
    .option('--ttl <duration>', 'how long it lives: 90s, 15m, 1h', duration, 15 * 60)
    .option('--audience <audience>', 'whom it is for (default: tokens.audience)')
    .option('--once', 'good for one call')
    .option('--details <json>', 'authorization_details of RFC 9396, type governed_rows', jsonOf)
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor token mint --subject ada --tenant 7 --roles analyst --scopes data.read --purpose analytics',
    )
    .action(async (flags: MintFlags) => {
      const config = await loadConfig(await configFile(flags.config));
      if (flags.ttl > config.tokens.longest)
        throw new UsageError(
          `--ttl is longer than the ${config.tokens.longest} s of tokens.longest`,
        );
      const { ttl, audience } = flags;
      const bearer = bearerOf(flags);
      const minted = await signing(config, (by) =>
        mint(by, bearer, { now: new Date(), seconds: ttl, audience }),
      );
      print(flags.json ? JSON.stringify(minted) : minted.token);
    });
}

/** Signs with the keys of a configuration. */
async function signing<T>(
  { tokens, keyring }: Config,
  what: (by: Signing) => Promise<T>,
): Promise<T> {
  await using ring = fileKeyring(keyring.directory, keyring.rootKey);
  return await what({ tokens, secret: await ownSecret(ring, 'token-signing') });
}

const claimOf: Readonly<Record<string, string>> = {
  sub: '--subject',
  scope: '--scopes',
  authorization_details: '--details',
};

function bearerOf({ subject, tenant, roles, scopes, purpose, once, details }: MintFlags): Minted {
  const said = mintedClaims.safeParse({
    sub: subject,
    tenant,
    roles,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    purpose,
    ...(once && { once }),
    ...(details !== undefined && { authorization_details: details }),
  });
  if (said.success) return said.data;
  const [{ path, message } = { path: [], message: 'malformed' }] = said.error.issues;
  const [claim = ''] = path.map(String);
  throw new UsageError(`${claimOf[claim] ?? `--${claim}`}: ${message}`);
}

async function verifyOne({ config: file }: Flags): Promise<void> {
  const { tokens } = await loadConfig(await configFile(file));
  try {
    print(JSON.stringify(await verifier(tokens)((await text(process.stdin)).trim(), new Date())));
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    process.stderr.write(`conductor: ${error.message}\n`);
    process.exitCode = notVerified;
  }
}

const list = (given: string): readonly string[] =>
  given
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

function duration(given: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smh])$/.exec(given) ?? [];
  const seconds = Number(count) * (unitSeconds[unit] ?? 0);
  if (!(seconds > 0)) throw new InvalidArgumentError('say 90s, 15m or 1h.');
  return seconds;
}

function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    throw new InvalidArgumentError('say JSON.');
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
