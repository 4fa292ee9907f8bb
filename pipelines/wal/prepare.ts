import { type ConnectionPool, sql } from '@databases/pg';
import { CannotRun, type Trouble } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import type { Checkpoint, Checkpoints, Recovery } from './checkpoint.ts';
import { breakOf } from './continuity.ts';
import { ownPool, partFrom } from './own-pool.ts';
import { postgresTrouble } from './postgres-trouble.ts';
import { lookAtOwnerWrites } from './owner-writes.ts';
import { lookAtPublication, type Published, withoutRenamed } from './publication.ts';
import { ensurePublication } from './publish.ts';
import { beginning, recover, type Recovering } from './recover.ts';
import { Sender } from './sender.ts';
import { unhurried } from './session.ts';
import {
  checkServer,
  type Identity,
  identify,
  lookAtServer,
  type Protocol,
  protocolFor,
  type Server,
  walEnd,
} from './server.ts';
import { alignFailover, idleSlot, slotFault, unclaimed } from './slot.ts';
import { heldUp, slotHolders, untilCreated } from './slot-holders.ts';
import { beginSlot, type SlotStart } from './slot-start.ts';
import { lookAtTables, type TableFault, tablesOf } from './tables.ts';

export interface Preparing {
  readonly settings: SourceSettings;
  readonly stream: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly checkpoints: Checkpoints;
  /** It was prepared before by this process: nobody is there to mend what changed meanwhile. */
  readonly again?: boolean;
  /** The tables that were captured, by OID: what they are called may have changed. */
  readonly captured: () => Promise<ReadonlySet<number>>;
  /** Told of tables before they are published. */
  readonly publishing?: (tables: readonly string[]) => Promise<void>;
  /** Told what a new slot's stream brings of tables without a key, before anything else is done with it. */
  readonly slotBegun?: (from: Checkpoint, start: SlotStart) => Promise<void>;
  /** Told before a recovery gives anything up. */
  readonly recovering: (recovering: Recovering) => void | Promise<void>;
  /** Told of whom the creation of the slot waits for, if it takes long. */
  readonly waiting: (held: Trouble) => void;
}

export interface Prepared {
  readonly from: Checkpoint;
  readonly head: bigint; // Where the WAL ended when it was looked at.
  readonly published: Published;
  readonly unknownColumns: readonly string[]; // Sealed and dropped until a contract names them.
  /** Of a stream that has begun: where tables are no longer as promised, which concerns nobody but them. */
  readonly changed: readonly TableFault[];
  readonly warnings: readonly TableFault[]; // What somebody may be sorry about.
  readonly serverVersion: number; // As the server counts: 180004 is 18.4.
  readonly protocol: Protocol;
  readonly senderTimeoutMs: number; // How long the server waits for a sign of life; 0 for ever.
  readonly standby: boolean; // In recovery: it cannot be written to.
  readonly anyBytes: boolean; // Its database takes any bytes for text.
  /** Nothing was captured through the slot yet: a first copy is due. True again until a checkpoint is recorded. */
  readonly created: boolean;
  /** Of a first copy that is due: how it makes up for what an earlier slot did not bring. */
  readonly recovery: Recovery | null;
}

/**
 * Makes sure that the source can be captured, creating the publication and the slot if they are not
 * there, and tells where to begin. Whatever is in the way is said with its fix.
 */
export async function prepareSource(preparing: Preparing): Promise<Prepared> {
  const { settings } = preparing;
  const contracts = tablesOf(preparing.contracts);
  const patient = !preparing.again; // A publication waits for the locks of others.
  const db = ownPool(settings.url, { name: 'conductor', size: 1, patient });
  try {
    if (patient) await db.query(sql.__dangerous__rawValue(unhurried));
    const server = await lookAtServer(db);
    checkServer(server, settings.url);
    const protocol = protocolFor(server, settings);
    await using sender = await Sender.connect(settings.url);
    const identity = await identify(sender);
    const { publication } = settings;
    const tables = await lookAtTables(db, { publication, contracts });
    const begun = await hasBegun(preparing);
    if (!preparing.again) await waitForTurn(db, publication);
    const { found, renamed } = withoutRenamed(
      await lookAtPublication(db, { publication, contracts }),
      publication,
      begun ? await preparing.captured() : new Set(),
    );
    const writes = await lookAtOwnerWrites(
      db,
      { publication, contracts },
      { missing: found.missing, version: server.version },
    );
    const changed = [...tables.faults, ...renamed, ...writes.faults];
    const [fault] = changed;
    // A stream that has begun goes on as it would have without a restart: one changed table stops no other.
    if (fault && !begun) throw new CannotRun(fault);
    if (!preparing.again) {
      const missing = found.missing.filter((table) => !writes.kept.includes(table));
      if (missing.length > 0) await preparing.publishing?.(missing);
      await ensurePublication(db, publication, {
        found: { ...found, missing },
        generated: writes.generated,
        standby: server.standby,
      });
      await passTurn(db, publication);
    }
    const published = [...contracts.values()].filter(
      ({ table }) => !(preparing.again ? found.missing : writes.kept).includes(table),
    );
    const keyless = published.filter(({ key }) => key.length === 0).map(({ table }) => table);
    const from = await startingPoint(db, preparing, { server, identity, sender, keyless });
    return {
      ...from,
      head: await walEnd(db),
      published: await lookAtPublication(db, { publication, contracts }),
      unknownColumns: tables.unknownColumns,
      changed,
      warnings: writes.warnings,
      serverVersion: server.version,
      protocol,
      senderTimeoutMs: server.senderTimeoutMs,
      standby: server.standby,
      anyBytes: server.anyBytes,
      recovery: from.created ? recoveryOf(from.from, settings) : null,
    };
  } catch (error) {
    throw postgresTrouble(error, 'source.url', settings.url);
  } finally {
    await partFrom(db);
  }
}

/** What was chosen then, unless something else is chosen now. */
const recoveryOf = ({ recovery }: Checkpoint, { recover: now }: SourceSettings): Recovery | null =>
  recovery === null || now === 'stop' ? recovery : now;

/** Captures that start together make their publication one after the other. Whoever fails passes its turn with its session. */
async function waitForTurn(db: ConnectionPool, publication: string): Promise<void> {
  await db.query(sql`SELECT pg_advisory_lock(hashtext(${turnOf(publication)}))`);
}

async function passTurn(db: ConnectionPool, publication: string): Promise<void> {
  await db.query(sql`SELECT pg_advisory_unlock(hashtext(${turnOf(publication)}))`);
}

const turnOf = (publication: string): string => `conductor.publication.${publication}`;

async function hasBegun({ again, checkpoints, stream }: Preparing): Promise<boolean> {
  if (again) return true;
  const checkpoint = await checkpoints.read(stream);
  return checkpoint !== null && checkpoint.lsn > 0n;
}

type Start = Pick<Prepared, 'from' | 'created'>;

async function startingPoint(
  db: ConnectionPool,
  preparing: Preparing,
  {
    server,
    identity,
    sender,
    keyless,
  }: {
    readonly server: Server;
    readonly identity: Identity;
    readonly sender: Sender;
    readonly keyless: readonly string[];
  },
): Promise<Start> {
  const { settings, stream, checkpoints, recovering } = preparing;
  const slot = await idleSlot(db, settings.slot, server);
  const checkpoint = await checkpoints.read(stream); // Only now: whoever held the slot has written its last.
  const fault = slot && slotFault(slot, settings);
  if (fault) throw new CannotRun(fault);
  const create = async (begun: Checkpoint): Promise<Start> => {
    // The entry first: whoever dies between the two knows afterwards that the slot is its own.
    await checkpoints.write(stream, begun);
    const isCopied = settings.snapshot === 'initial' || begun.recovery !== null;
    const { lsn, start } = await untilCreated(
      beginSlot(settings, server, isCopied ? keyless : []),
      () => slotHolders(db),
      (holders) => preparing.waiting(heldUp(settings.slot, holders)),
    );
    const from = { ...begun, lsn };
    if (start)
      await preparing.slotBegun?.({ ...from, recovery: recoveryOf(from, settings) }, start);
    return { from, created: true };
  };
  const ours = checkpoint && (checkpoint.lsn > 0n || checkpoint.system === identity.system);
  if (slot && !ours) throw new CannotRun(unclaimed(settings.slot));
  if (!ours) return create(beginning(checkpoint, identity, null));

  const head = await walEnd(db);
  const standing = { slot, checkpoint, server: { head, standby: server.standby }, identity };
  const broken = breakOf(standing);
  if (broken) {
    const recovery = await recover(db, broken, { standing, head, settings, told: recovering });
    return create({ ...beginning(checkpoint, identity, broken), recovery });
  }
  if (!slot) return create(beginning(checkpoint, identity, null));
  await alignFailover(sender, slot, { settings, server });
  const created = checkpoint.lsn === 0n;
  const lsn = created ? slot.confirmed : checkpoint.lsn;
  return { from: { ...checkpoint, lsn, timeline: identity.timeline }, created };
}
