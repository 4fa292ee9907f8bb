import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { TileFolder } from '../../pipelines/prove/tile-folder.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { signingKey } from '../../schemas/signing-key.ts';
import type { SaidCheckpoint } from '../../schemas/log-checkpoint.ts';
import { noteText, type Verifier } from '../../schemas/signed-note.ts';
import { folderCopy, type LogCopy, segmentFile } from '../provenance/log-copy.ts';
import { topicCopy } from '../provenance/topic-copy.ts';
import { trustedKeys } from '../provenance/trusted-keys.ts';
import { verifiedText } from '../provenance/verified-text.ts';
import { verify, type Wanted } from '../provenance/verify.ts';
import { provenanceOf } from '../worker/open-prove.ts';
import { configFile, configOption } from './config-file.ts';
import { positive } from './numbers.ts';
import { UsageError } from './usage-error.ts';
import { verifyDeliveryCommand } from './verify-delivery.ts';

interface Flags {
  readonly config?: string;
  readonly brokers?: string;
  readonly topic?: string;
  readonly offline?: string;
  readonly keys?: string;
  readonly stream?: string;
  readonly from?: string;
  readonly to?: string;
  readonly checkpoint?: string;
  readonly quorum?: number;
  readonly requireRecords?: boolean;
  readonly export?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  conductor verify provenance
  conductor verify provenance --brokers kafka:9092 --keys log.keys --checkpoint last-month.checkpoint
  conductor verify provenance --stream pg.orders --from 16/B374D1C8 --export evidence
  conductor verify provenance --offline evidence --keys log.keys --json

Exits 3 if anything is not as it was proved, and names the first bad segment. What is proved, and what is
not: ops/runbooks/provenance.md.`;

/** Adds `conductor verify`. */
export function verifyCommands(program: Command): void {
  const group = program
    .command('verify')
    .summary('hold what is there against what was proved, or what rests against what was governed');
  verifyDeliveryCommand(group);
  group
    .command('provenance')
    .summary('manifests, their log and its checkpoints, and every record that they cover')
    .description(
      'Checks signatures, the chain of manifests, the Merkle tree against its signed checkpoint, and the digest of every segment.',
    )
    .addOption(configOption())
    .option('--brokers <host:port,...>', 'the brokers, where there is no configuration')
    .option('--topic <name>', 'the topic of the log (default: provenance, or what is configured)')
    .option('--offline <dir>', 'verify an export, and connect to nothing')
    .option('--keys <file>', 'public keys that are trusted (default: the configured one alone)')
    .option('--stream <name>', 'the records of this stream only')
    .option('--from <place>', 'from this LSN, or this number of a segment')
    .option('--to <place>', 'up to this LSN, or this number of a segment')
    .option('--checkpoint <file>', 'an earlier checkpoint, with which the log must be consistent')
    .option('--quorum <n>', 'how many trusted witnesses must have signed the checkpoint', positive)
    .option('--require-records', 'segments whose records are no longer in the topic are faults')
    .option('--export <dir>', 'write what was verified to files')
    .option('--json', 'one JSON object')
    .addHelpText('after', examples)
    .action(verifyProvenance);
}

async function verifyProvenance(flags: Flags): Promise<void> {
  check(flags);
  const { copyOf, trusted } = await placeOf(flags);
  await using copy = await copyOf();
  const exporting = flags.export === undefined ? null : await exportTo(flags.export);
  const wanted: Wanted = {
    trusted,
    stream: flags.stream ?? null,
    from: flags.from ?? null,
    to: flags.to ?? null,
    earlier: flags.checkpoint === undefined ? null : await readFile(flags.checkpoint, 'utf8'),
    quorum: flags.quorum ?? 0,
    requireRecords: flags.requireRecords ?? false,
    ...exporting?.told,
  };
  const verified = await verify(copy, wanted);
  if (verified.verified && verified.streams.length === 0 && isChosen(flags))
    throw new UsageError(
      'the log is sound, but has no segment of what was asked for: see its streams without --stream, --from and --to',
    );
  await exporting?.end();
  process.stdout.write(flags.json ? `${JSON.stringify(verified)}\n` : verifiedText(verified));
  if (!verified.verified) process.exitCode = 3;
}

/** Whether somebody wants to know of something that may not be there. */
const isChosen = ({ stream, from, to }: Flags): boolean =>
  [stream, from, to].some((each) => each !== undefined);

/** Where the log is, and whom to trust where nobody says: who has the configuration keeps the log. */
async function placeOf({ offline, brokers, topic, keys, config: named }: Flags): Promise<{
  readonly copyOf: () => Promise<LogCopy>;
  readonly trusted: readonly Verifier[];
}> {
  if (keys !== undefined && offline !== undefined)
    return { copyOf: () => folderCopy(offline), trusted: await trustedKeys(keys) };
  if (keys !== undefined && brokers !== undefined) {
    const kafka = kafkaOptions(
      { kafka: { ...plain, brokers: brokers.split(',').map((each) => each.trim()) } },
      'verify',
    );
    const trusted = await trustedKeys(keys);
    return { copyOf: () => topicCopy(kafka, topic ?? 'provenance'), trusted };
  }
  const config = await loadConfig(await configFile(named));
  const { origin, signingKey: seed, topic: own } = provenanceOf(config);
  const trusted: readonly Verifier[] =
    keys === undefined
      ? [{ name: origin, kind: 'log', key: signingKey(seed) }]
      : await trustedKeys(keys);
  const copyOf = () =>
    offline === undefined
      ? topicCopy(kafkaOptions(config, 'verify'), topic ?? own)
      : folderCopy(offline);
  return { copyOf, trusted };
}

const plain = { partitions: 1, replication: 1, requestTimeout: 30, tls: false };

/** An export is a log in a folder, and beside it the bytes of each segment: `sha256sum` gives the manifest's digest. */
async function exportTo(folder: string) {
  await mkdir(folder, { recursive: true });
  const entries: Buffer[] = [];
  let newest: SaidCheckpoint | null = null;
  const told: Pick<Wanted, 'onEntry' | 'onCheckpoint' | 'onSegment'> = {
    onCheckpoint: (checkpoint) => void (newest = checkpoint),
    onEntry: (entry) => void entries.push(entry),
    async onSegment(manifest, bytes) {
      const path = join(folder, segmentFile(manifest));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    },
  };
  return {
    told,
    async end() {
      const tiles = TileFolder.empty(folder);
      for (const entry of entries.slice(0, newest?.size ?? 0)) tiles.append(entry);
      tiles.save();
      if (newest) await writeFile(join(folder, 'checkpoint'), noteText(newest.note));
    },
  };
}

/** Refuses what contradicts itself. */
function check({ offline, brokers, keys, from, to, export: folder }: Flags): void {
  if (offline !== undefined && brokers !== undefined)
    throw new UsageError('an export is verified without brokers: leave --brokers or --offline out');
  if (offline !== undefined && folder !== undefined)
    throw new UsageError('--export writes what is in topics: leave --offline out');
  if (brokers !== undefined && keys === undefined)
    throw new UsageError('say whom to trust: --keys FILE, as conductor provenance keys prints it');
  for (const place of [from, to])
    if (place !== undefined && !/^(?:\d{1,15}|[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})$/.test(place))
      throw new UsageError(`${place} is no LSN, such as 16/B374D1C8, and no number of a segment`);
}
