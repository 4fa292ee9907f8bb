import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { loadavg } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { mostRecords } from '../../processors/segment-builder.ts';
import { verifierText } from '../../schemas/signed-note.ts';
import { signingKey } from '../../schemas/signing-key.ts';
import { rounded } from './figures.ts';
import { hardware } from './machine.ts';
import { type Ended, MeasuredProcess } from './measured-process.ts';
import { makeExport } from './proved-export.ts';
import type { Outcome } from './report.ts';

interface VerifyBench {
  readonly home: string;
  readonly records: number;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
}

const valueBytes = 200;
const bytesOfRecord = 400; // In its segment, at most.
const cli = fileURLToPath(new URL(`../cli${extname(import.meta.filename)}`, import.meta.url));

/** An export verified by a process of its own, held against `sha256sum`, which only reads and hashes it. */
export async function benchVerify(bench: VerifyBench): Promise<Outcome> {
  const { home, records, report } = bench;
  const loadBefore = Number((loadavg()[0] ?? 0).toFixed(2));
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  try {
    await refuseFull(home, records * bytesOfRecord);
    const key = signingKey(randomBytes(32).toString('hex'));
    const origin = 'bench.example/made';
    const keys = join(home, 'log.keys');
    await writeFile(keys, `${verifierText({ name: origin, kind: 'log', key })}\n`);
    const folder = join(home, 'export');
    report(`make       ${records} records`);
    const [stream, partitions] = ['pg.orders', 12];
    const every = mostRecords;
    const made = { origin, key, streams: [stream], records, partitions, valueBytes, every };
    const segments = makeExport(folder, made).length;
    const files = ['-c', `find ${folder}/segments -type f | xargs sha256sum | wc -l`];
    report('limit      reads and hashes the files');
    const limit = await run(bench, 'sha256sum', 'sh', files);
    report('verify     checks them all');
    const args = [cli, 'verify', 'provenance', '--offline', folder, '--keys', keys];
    const subject = await run(bench, 'verify', process.execPath, args);
    await rm(home, { recursive: true, force: true });
    return outcomeOf({ records, segments, subject, limit, loadBefore });
  } catch (error) {
    report(`logs       ${home}`);
    throw error;
  }
}

async function run(bench: VerifyBench, name: string, command: string, args: readonly string[]) {
  await using process = new MeasuredProcess(bench, { name, command, args });
  return await process.done();
}

async function refuseFull(home: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(home);
  if (bavail * bsize > bytes) return;
  throw new CannotRun({
    what: `the export takes ${Math.ceil(bytes / 1e9)} GB, and so much is not free`,
    where: home,
    fix: 'make room, set CONDUCTOR_HOME to a folder that has it, or say fewer --records',
  });
}

interface Measured {
  readonly records: number;
  readonly segments: number;
  readonly subject: Ended;
  readonly limit: Ended;
  readonly loadBefore: number;
}

function outcomeOf({ records, segments, subject, limit, loadBefore }: Measured): Outcome {
  const figures = ({ wallS, cpuS, peakRssMb }: Ended) =>
    rounded({
      rows_per_s: records / wallS,
      wall_s: wallS,
      cpu_s: cpuS,
      peak_rss_mb: peakRssMb,
    });
  return {
    report: {
      bench: 'verify',
      machine: { ...hardware(loadBefore), postgres: 'none', postgres_settings: {}, kafka: 'none' },
      subject: figures(subject),
      limit: figures(limit),
      peers: {},
    },
    names: { subject: 'conductor verify provenance', limit: 'sha256sum' },
    targets: [
      {
        what: `${records} records verified`,
        got: subject.wallS,
        wanted: (60 * records) / 10_000_000,
        is: 'at most',
        unit: 's',
      },
    ],
    notes: [
      `${records} records with values of ${valueBytes} bytes in ${segments} segments, from files.`,
      'Whole seconds of a process, its start included. The files were just written, and may be in memory.',
    ],
  };
}
