import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { announced, EvidenceLog, revoked } from '../../pipelines/prove/evidence-log.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { type Verifier, verifierText } from '../../schemas/signed-note.ts';
import { type SigningKey, signingKey } from '../../schemas/signing-key.ts';
import { secretIn } from '../keys/secret-file.ts';
import { proveEntry } from '../provenance/proof-text.ts';
import { trustedKeys } from '../provenance/trusted-keys.ts';
import { cosign } from '../provenance/witness.ts';
import { logSettings, provenanceOf } from '../worker/open-prove.ts';
import { configFile, configOption } from './config-file.ts';
import { natural } from './numbers.ts';
import { UsageError } from './usage-error.ts';

interface Named {
  readonly config?: string;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Adds `conductor provenance`. */
export function provenanceCommands(program: Command): void {
  const group = program
    .command('provenance')
    .summary('keys, witnesses and proofs of the log of all that is proved');
  addKeys(group);
  addProofs(group);
}

function addKeys(group: Command): void {
  group
    .command('keys')
    .summary('the public key, for whoever is to verify')
    .description('Prints the public key that verifies what is signed, as a line of a file of keys.')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  conductor provenance keys > log.keys')
    .action(async ({ config: named }: Named) => {
      const { origin, signingKey: seed } = provenanceOf(await loadConfig(await configFile(named)));
      print(verifierText({ name: origin, kind: 'log', key: signingKey(seed) }));
      process.stderr.write(`conductor: its id in envelopes is ${signingKey(seed).id}\n`);
    });
  group
    .command('rotate')
    .summary('announce a new key, by an entry that the old one signs')
    .description(
      'Makes a new key if the file has none, and announces it in the log. Then set provenance.signingKey to { file: … } and start prove again. Whoever trusts the old key trusts the new one.',
    )
    .addOption(configOption())
    .requiredOption('--new-key <file>', 'the file of the new secret key')
    .option('--reason <text>', 'why, for the log', 'rotation')
    .addHelpText('after', '\nExample:\n  conductor provenance rotate --new-key signing-2027.key')
    .action(
      async ({ config: named, newKey, reason }: Named & { newKey: string; reason: string }) => {
        const key = signingKey(await secretIn(newKey));
        await append(named, (log) => {
          if (log.evidence.isRevoked(key.id))
            throw new UsageError(`the key in ${newKey} was revoked, for good: name another file`);
          return log.append((evidence) =>
            evidence.trusts(key.id) ? [] : [announced(key, reason)],
          );
        });
        print(`${key.id} is announced: set provenance.signingKey to { file: ${newKey} }`);
      },
    );
  group
    .command('revoke')
    .summary('have a key trusted no more, for what comes after')
    .description(
      'Writes an entry from which on nothing counts that the key has signed. What it signed before stays proved.',
    )
    .argument('<id>', 'the id of the key, 64 hex digits')
    .addOption(configOption())
    .requiredOption('--reason <text>', 'why, for the log')
    .addHelpText(
      'after',
      '\nExample:\n  conductor provenance revoke 4f0c… --reason "a laptop was lost"',
    )
    .action(async (id: string, { config: named, reason }: Named & { reason: string }) => {
      await append(named, (log, own) => {
        const key = log.evidence.keysAt(log.evidence.size).find((each) => each.id === id);
        if (id === own.id)
          throw new UsageError(
            'that is the key in use: rotate first, and revoke it with the new one',
          );
        if (!key) throw new UsageError(`the log knows no key ${id} that is trusted`);
        return log.append((evidence) => (evidence.trusts(id) ? [revoked(key, reason)] : []));
      });
      print(`${id} is revoked`);
    });
}

function addProofs(group: Command): void {
  group
    .command('cosign')
    .summary('sign the checkpoint of a log as a witness')
    .description(
      'Signs the checkpoint in a folder if the log still begins with all that this witness signed before, and keeps it for --checkpoint of conductor verify.',
    )
    .requiredOption('--log <dir>', 'the folder of the log, or a copy')
    .requiredOption('--keys <file>', 'the public key of the log')
    .requiredOption('--name <name>', 'the name of the witness')
    .requiredOption('--key <file>', 'its secret key; made if it is not there')
    .requiredOption('--kept <file>', 'the checkpoint that it keeps')
    .addHelpText(
      'after',
      '\nExample:\n  conductor provenance cosign --log provenance --keys log.keys --name witness.example --key witness.key --kept cosigned',
    )
    .action(async (flags: Record<'log' | 'keys' | 'name' | 'key' | 'kept', string>) => {
      const key = signingKey(await secretIn(flags.key));
      const { name, kept, log: folder } = flags;
      const log = await logKey(flags.keys);
      const { size } = await cosign({ name, key, log, folder, kept });
      print(`signed ${size} entries of ${log.name}: ${kept}`);
      print(verifierText({ name, kind: 'witness', key }));
    });
  group
    .command('proof')
    .summary('one entry, and what shows that it is in the log')
    .description('Prints an entry and its inclusion proof against the checkpoint in the folder.')
    .requiredOption('--log <dir>', 'the folder of the log, or a copy')
    .requiredOption('--keys <file>', 'the public key of the log')
    .requiredOption('--index <n>', 'the place of the entry', natural)
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor provenance proof --log provenance --keys log.keys --index 7',
    )
    .action(async (flags: { log: string; keys: string; index: number; json?: boolean }) => {
      const proved = await proveEntry(flags.log, await logKey(flags.keys), flags.index);
      print(flags.json ? JSON.stringify(proved) : `${proved.proof}\n${proved.entry}`);
    });
}

/** Of several keys of one log, the last is the one that signs now. */
async function logKey(path: string): Promise<Verifier> {
  const key = (await trustedKeys(path)).findLast(({ kind }) => kind === 'log');
  if (!key) throw new UsageError(`${path} has no key of a log`);
  return key;
}

async function append(
  named: string | undefined,
  say: (log: EvidenceLog, own: SigningKey) => Promise<void>,
): Promise<void> {
  const config = await loadConfig(await configFile(named));
  const settings = logSettings({ config, kafka: kafkaOptions(config, 'provenance') });
  await using log = await EvidenceLog.open(settings);
  await say(log, settings.key);
}
