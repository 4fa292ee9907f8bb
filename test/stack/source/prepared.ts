import type { Trouble } from '../../../contracts/cannot-run.ts';
import type { TableContract } from '../../../contracts/contract.ts';
import { sourceSettings, type SourceSettings } from '../../../contracts/source-settings.ts';
import type { Checkpoint, Checkpoints } from '../../../pipelines/wal/checkpoint.ts';
import { prepareSource } from '../../../pipelines/wal/prepare.ts';
import type { Recovering } from '../../../pipelines/wal/recover.ts';

/** Checkpoints in memory, for tests of what is decided by them. */
class MemoryCheckpoints implements Checkpoints {
  readonly known = new Map<string, Checkpoint>();

  async read(stream: string) {
    return this.known.get(stream) ?? null;
  }

  async write(stream: string, checkpoint: Checkpoint) {
    this.known.set(stream, checkpoint);
  }

  async secondsSince() {
    return 0;
  }

  async [Symbol.asyncDispose]() {}
}

/** The contract of a table with nothing but a key. */
export const keyOnly = (table: string): TableContract => ({
  table,
  revision: '1',
  key: ['id'],
  tenant: null,
  subject: null,
  columns: [
    {
      name: 'id',
      type: 'integer',
      classification: 'internal',
      sensitivity: 'low',
      rule: 'keep',
      hierarchy: null,
      references: null,
    },
  ],
  graph: null,
});

export const streamName = 'test/stream';

/** A stream over one table, `public.things`, prepared as often as a test likes. */
export class Stream {
  readonly checkpoints = new MemoryCheckpoints();
  readonly told: Recovering[] = [];
  readonly waitedFor: Trouble[] = [];
  settings: SourceSettings;
  readonly #contracts: ReadonlyMap<string, TableContract>;

  constructor(
    settings: Partial<SourceSettings> & { readonly url: string },
    contracts = new Map([['public.things', keyOnly('public.things')]]),
  ) {
    this.#contracts = contracts;
    this.settings = sourceSettings.parse({ slot: 'guest', publication: 'guests', ...settings });
  }

  prepare(change: Partial<SourceSettings> = {}) {
    return prepareSource({
      settings: { ...this.settings, ...change },
      stream: streamName,
      contracts: this.#contracts,
      checkpoints: this.checkpoints,
      captured: () => Promise.resolve(new Set()),
      recovering: (loss) => void this.told.push(loss),
      waiting: (held) => void this.waitedFor.push(held),
    });
  }

  async known(): Promise<Checkpoint> {
    const known = await this.checkpoints.read(streamName);
    if (!known) throw new Error('nothing was prepared yet');
    return known;
  }

  /** Says that all up to there was captured. */
  async captured(lsn: bigint): Promise<void> {
    await this.checkpoints.write(streamName, { ...(await this.known()), lsn });
  }
}
